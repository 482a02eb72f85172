//! Version 2 of the container through the reader.

mod capture;
mod damage;
mod fixture;
mod order;
mod round_trip;
