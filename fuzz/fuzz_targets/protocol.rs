//! Messages of the streaming protocol.

#![no_main]

use bytehound_tests::fuzzed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzed::protocol(bytes));
