//! Defaults of Amazon's databases: memory by instance class, and the formulas of parameter groups that use
//! it.

use cofferdam_model::Bytes;

/// GiB of the size `large` by family of instance class. Larger sizes double it (`xlarge`) and multiply that
/// (`4xlarge`). Source: Amazon RDS User Guide, "Hardware specifications for DB instance classes".
const LARGE: &[(&[&str], f64)] = &[
    (
        &[
            "m4", "m5", "m5d", "m6g", "m6gd", "m6i", "m6id", "m6idn", "m6in", "m7g", "m7gd", "m7i", "m8g",
            "m8gd", "t2", "t3", "t4g",
        ],
        8.0,
    ),
    (
        &[
            "r5", "r5b", "r5d", "r6g", "r6gd", "r6i", "r6id", "r6idn", "r6in", "r7g", "r7gd", "r7i", "r8g",
            "r8gd", "z1d",
        ],
        16.0,
    ),
    (&["r3", "r4"], 15.25),
    (&["x2g"], 32.0),
];

/// GiB of sizes below `large`, which only the burstable families and a few others have.
const SMALL: &[(&str, f64)] = &[("micro", 1.0), ("small", 2.0), ("medium", 4.0)];

/// GiB of memory for each unit of Aurora Serverless capacity. Source: Amazon Aurora User Guide, "Aurora
/// Serverless v2 capacity".
pub(super) const GIB_PER_ACU: f64 = 2.0;

/// Memory of an instance class (`db.r6g.large`); `None` for one that is not in the table.
pub(super) fn memory(class: &str) -> Option<Bytes> {
    let mut parts = class.strip_prefix("db.").unwrap_or(class).split('.');
    let (family, size, None) = (parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let (_, large) = LARGE.iter().find(|(families, _)| families.contains(&family))?;
    let gib = if let Some((_, gib)) = SMALL.iter().find(|(name, _)| *name == size) {
        family.starts_with('t').then_some(*gib)?
    } else {
        large
            * match size {
                "large" => 1.0,
                "xlarge" => 2.0,
                times => 2.0 * f64::from(times.strip_suffix("xlarge")?.parse::<u8>().ok()?),
            }
    };
    Some(gib_to_bytes(gib))
}

/// GiB as bytes.
pub(super) fn gib_to_bytes(gib: f64) -> Bytes {
    Bytes((gib * 1024.0 * 1024.0 * 1024.0).round() as u64)
}

/// The largest max_connections that Aurora PostgreSQL Serverless v2 sets by itself, by most capacity units.
/// Source: Amazon Aurora User Guide, "Maximum connections for Aurora Serverless v2".
const SERVERLESS_CONNECTIONS: &[(f64, u32)] =
    &[(1.0, 189), (4.0, 823), (8.0, 1669), (16.0, 3360), (32.0, 5000)];

/// max_connections of Aurora PostgreSQL Serverless v2 with this range of capacity units: by the table for its
/// sizes, otherwise by the formula for the memory; 2,000 at most if it may go down to half a unit or none.
pub(super) fn serverless_connections(min: Option<f64>, max: f64) -> u32 {
    let by_table = SERVERLESS_CONNECTIONS
        .iter()
        .find(|(acu, _)| *acu == max)
        .map(|(_, n)| *n);
    let by_formula = || {
        let memory = gib_to_bytes(max * GIB_PER_ACU);
        formula(POSTGRES_DEFAULT, memory).map_or(5000, |n| n as u32)
    };
    let connections = by_table.unwrap_or_else(by_formula);
    if min.is_some_and(|min| min <= 0.5) {
        connections.min(2000)
    } else {
        connections
    }
}

/// Default of max_connections in the parameter groups of RDS and Aurora for PostgreSQL. Source: Amazon RDS
/// User Guide, "Quotas and constraints for Amazon RDS", maximum number of database connections.
pub(super) const POSTGRES_DEFAULT: &str = "LEAST({DBInstanceClassMemory/9531392},5000)";
/// The same for MySQL and MariaDB.
pub(super) const MYSQL_DEFAULT: &str = "{DBInstanceClassMemory/12582880}";
/// Default of shared_buffers, in pages of 8 KiB, for Aurora PostgreSQL. Source: Amazon Aurora User Guide,
/// "Aurora PostgreSQL cluster parameters".
pub(super) const AURORA_BUFFERS: &str = "SUM({DBInstanceClassMemory/12038},-50003)";

/// The value of a parameter: a number, or a formula over the memory of the instance
/// (`LEAST({DBInstanceClassMemory/9531392},5000)`). `None` if it uses something other than memory. Source:
/// Amazon RDS User Guide, "Specifying DB parameters" (formulas, functions, expressions).
pub(super) fn formula(text: &str, memory: Bytes) -> Option<f64> {
    // Real ones are far shorter; the bound keeps the depth of nesting small.
    if text.len() > 200 {
        return None;
    }
    let mut parser = Formula {
        rest: text.trim(),
        memory: memory.0 as f64,
    };
    let value = parser.sum()?;
    (parser.rest.is_empty() && value.is_finite()).then(|| value.floor())
}

struct Formula<'t> {
    rest: &'t str,
    memory: f64,
}

impl Formula<'_> {
    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value += self.product()?;
            } else if self.take('-') {
                value -= self.product()?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.term()?;
        loop {
            if self.take('*') {
                value *= self.term()?;
            } else if self.take('/') {
                value /= self.term()?;
            } else {
                return Some(value);
            }
        }
    }

    fn term(&mut self) -> Option<f64> {
        if self.take('-') {
            return Some(-self.term()?);
        }
        for (open, close) in [('{', '}'), ('(', ')')] {
            if self.take(open) {
                let value = self.sum()?;
                return self.take(close).then_some(value);
            }
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
            .unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.rest = self.rest[end..].trim_start();
        if let Ok(number) = word.parse::<f64>() {
            return Some(number);
        }
        match word.to_ascii_lowercase().as_str() {
            "dbinstanceclassmemory" => Some(self.memory),
            name @ ("least" | "greatest" | "sum" | "log") => {
                if !self.take('(') {
                    return None;
                }
                let mut values = vec![self.sum()?];
                while self.take(',') {
                    values.push(self.sum()?);
                }
                if !self.take(')') {
                    return None;
                }
                match name {
                    "least" => values.into_iter().reduce(f64::min),
                    "greatest" => values.into_iter().reduce(f64::max),
                    "sum" => Some(values.into_iter().sum()),
                    _ => values.first().map(|v| v.log2()),
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIB: u64 = 1024 * 1024 * 1024;

    #[test]
    fn memory_follows_from_family_and_size() {
        for (class, gib) in [
            ("db.t3.micro", 1.0),
            ("db.t4g.medium", 4.0),
            ("db.m6g.large", 8.0),
            ("db.r6g.large", 16.0),
            ("db.r5.4xlarge", 128.0),
            ("db.m5.24xlarge", 384.0),
            ("db.r4.xlarge", 30.5),
        ] {
            assert_eq!(memory(class), Some(gib_to_bytes(gib)), "{class}");
        }
        for other in [
            "db.r5.4xlarge.tpc2.mem2x",
            "db.serverless",
            "db.m5.micro",
            "large",
            "",
        ] {
            assert_eq!(memory(other), None, "{other}");
        }
    }

    #[test]
    fn formulas_count_with_memory() {
        // 16 × 2^30 / 9,531,392 = 1,802.45; 64 GiB would be 7,209 and is cut to 5,000.
        assert_eq!(formula(POSTGRES_DEFAULT, Bytes(16 * GIB)), Some(1802.0));
        assert_eq!(formula(POSTGRES_DEFAULT, Bytes(64 * GIB)), Some(5000.0));
        // 8 × 2^30 / 12,582,880 = 682.67.
        assert_eq!(formula(MYSQL_DEFAULT, Bytes(8 * GIB)), Some(682.0));
        // 16 × 2^30 / 12,038 = 1,427,136.5; less 50,003.
        assert_eq!(formula(AURORA_BUFFERS, Bytes(16 * GIB)), Some(1_377_133.0));
        assert_eq!(formula("{DBInstanceClassMemory*3/4}", Bytes(4)), Some(3.0));
        assert_eq!(formula("1000", Bytes(0)), Some(1000.0));
        for other in ["{AllocatedStorage/2}", "LEAST(1", "", "1 2", "{1/0}"] {
            assert_eq!(formula(other, Bytes(GIB)), None, "{other}");
        }
    }

    #[test]
    fn serverless_connections_follow_the_table_and_its_low_end() {
        assert_eq!(serverless_connections(Some(2.0), 16.0), 3360);
        assert_eq!(serverless_connections(Some(0.5), 16.0), 2000);
        assert_eq!(serverless_connections(Some(0.5), 4.0), 823);
        // 20 units are 40 GiB: 42,949,672,960 / 9,531,392 = 4,506.
        assert_eq!(serverless_connections(Some(1.0), 20.0), 4506);
    }

    proptest! {
        #[test]
        fn no_formula_panics(text in "(LEAST|SUM|\\{|\\}|\\(|\\)|DBInstanceClassMemory|[-+*/,0-9. a-zé]){0,40}") {
            formula(&text, Bytes(GIB));
            memory(&text);
        }
    }
}
