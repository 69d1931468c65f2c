//! Which files are read, and how far.

use super::clients::int;
use super::module;
use crate::python::*;
use proptest::prelude::*;

#[test]
fn code_that_is_not_configuration_is_ignored() {
    let path = Path::new("a.py");
    assert_eq!(
        read(FileId(0), path, "print('hello')").unwrap_err(),
        NotRead::NothingKnown
    );
    let large = "timeout = 1\n".repeat(MAX_BYTES / 10);
    assert_eq!(read(FileId(0), path, &large).unwrap_err(), NotRead::TooLarge);
    let prose =
        "The timeout of the pool (see above is 30 seconds; ] it's } not Python = at: all!\n".repeat(20);
    assert_eq!(read(FileId(0), path, &prose).unwrap_err(), NotRead::NotPython);
}

#[test]
fn tests_are_recognised_by_path_and_by_imports() {
    let is = |path: &str, text: &str| read(FileId(0), Path::new(path), text).unwrap().is_test;
    assert!(is("tests/conftest.py", "timeout = 1"));
    assert!(is("a/test_db.py", "timeout = 1"));
    assert!(is("a/db.py", "import pytest\ntimeout = 1"));
    assert!(!is("a/contest.py", "timeout = 1"));
}

#[test]
fn a_file_with_a_syntax_error_is_read_as_far_as_it_goes() {
    let text = "from queue import Queue\nq = Queue(maxsize=3)\ndef broken(:\n    return (1\n";
    let m = module(text);
    assert_eq!(int(&m.calls[0], "maxsize"), Some(3));
    assert_eq!(m.problems.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = read(FileId(0), Path::new("a.py"), &format!("timeout = 1\n{text}"));
    }

    #[test]
    fn no_mixture_of_python_panics(pieces in proptest::collection::vec(prop_oneof![
        Just("def f(self, a=1):\n"), Just("    "), Just("class A(BaseSettings):\n"), Just("return "), Just("self.x = "),
        Just("os.environ['A']"), Just("{'a': "), Just("**b"), Just("}"), Just("("), Just(")"), Just("\n"), Just("f'{x}'"),
        Just("for i in range(3):\n"), Just("try:\n"), Just("finally:\n"), Just("consumer.commit()"), Just("KafkaConsumer("),
        Just("timeout=1"), Just(", "), Just("lambda: "), Just("x if y else z"), Just("é"), Just("\t"), Just("0x"), Just("'''"),
        Just("await "), Just("@breaker\n"), Just("with a as b:\n"), Just("[x for x in y]"), Just("="), Just("-"), Just("<<"), Just("9223372036854775807"),
    ], 0..60)) {
        let text = format!("timeout = 1\n{}", pieces.concat());
        if let Ok(module) = read(FileId(0), Path::new("a.py"), &text) {
            for call in &module.calls {
                prop_assert!(text.get(call.span.start as usize..call.span.end as usize).is_some());
            }
        }
    }
}
