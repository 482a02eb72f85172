//! Version 2 of the container through the reader.

mod capture;
mod damage;
mod order;
mod round_trip;
