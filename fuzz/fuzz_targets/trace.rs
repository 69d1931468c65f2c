//! Any bytes as a trace, of which the first line and a policy may already be right: replayed line by line.
#![no_main]

use cofferdam_policy::trace::Replay;
use libfuzzer_sys::fuzz_target;

/// Policies of each kind, whose steps the bytes may be.
const HEAD: &str = include_str!("trace-head.jsonl");

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for head in ["", HEAD] {
        let mut replay = Replay::new();
        let lines = head.lines().chain(text.lines());
        for line in lines {
            if replay.line(line).is_err() {
                break;
            }
        }
        let _ = replay.finish();
    }
});
