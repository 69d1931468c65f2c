//! False alarms: on sound platforms nothing above low may be reported, everything must be readable, and
//! each must really have been read.

use cofferdam_audit::{Options, Severity, audit, severity_of};
use std::path::Path;

#[test]
fn ten_sound_platforms_have_nothing_above_low() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cofferdam/tests/sound");
    let mut wrong = Vec::new();
    let mut platforms = 0;
    let mut names: Vec<_> = std::fs::read_dir(&root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    names.sort();
    for dir in names {
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        let platform = cofferdam_ingest::read(&dir).unwrap();
        platforms += 1;
        assert!(
            platform.reading.formats.values().sum::<usize>() >= 3,
            "{name}: {:?}",
            platform.reading.formats
        );
        for unreadable in platform
            .reading
            .unreadable
            .iter()
            .chain(&platform.reading.overlay_problems)
        {
            wrong.push(format!(
                "{name}: unreadable: {}: {}",
                unreadable.path.display(),
                unreadable.message
            ));
        }
        let report = audit(&platform, &Options::default());
        for finding in report.findings.iter().filter(|f| severity_of(f) > Severity::Low) {
            wrong.push(format!(
                "{name}: {}[{}]: {}",
                severity_of(finding),
                finding.rule,
                finding.title
            ));
        }
        for (_, note) in &report.suppression_notes {
            wrong.push(format!("{name}: {note}"));
        }
    }
    assert_eq!(platforms, 10);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
