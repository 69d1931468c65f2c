//! Arithmetic and conversions of known values.

use super::value::{Argument, EnvValue, HOLE, MAX_LENGTH, PyValue, Val};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::Operator;

pub(super) fn negate(value: PyValue) -> PyValue {
    match value {
        PyValue::Int(n) => n.checked_neg().map_or(PyValue::Unknown, PyValue::Int),
        PyValue::Float(n) => PyValue::Float(-n),
        _ => PyValue::Unknown,
    }
}

pub(super) fn compute(operator: Operator, left: Val, right: Val) -> PyValue {
    match (left.value, right.value) {
        (PyValue::Int(a), PyValue::Int(b)) => whole(operator, a, b),
        (PyValue::Str(a), PyValue::Str(b)) if operator == Operator::Add => text(&a, &b, true),
        (PyValue::Str(a) | PyValue::Partial(a), PyValue::Str(b) | PyValue::Partial(b))
            if operator == Operator::Add =>
        {
            text(&a, &b, false)
        }
        (PyValue::Str(a) | PyValue::Partial(a), _) if operator == Operator::Add => {
            text(&a, HOLE.encode_utf8(&mut [0; 4]), false)
        }
        (PyValue::List(mut a), PyValue::List(b)) if operator == Operator::Add => {
            if a.len() + b.len() > MAX_LENGTH {
                return PyValue::Unknown;
            }
            a.extend(b);
            PyValue::List(a)
        }
        (a @ (PyValue::Object(_) | PyValue::List(_)), b @ (PyValue::Object(_) | PyValue::List(_)))
            if operator == Operator::Add =>
        {
            // `wait_fixed(3) + wait_random(0, 2)`: both apply.
            let at = |value, span| Val { value, span };
            PyValue::List(vec![at(a, left.span), at(b, right.span)])
        }
        (PyValue::Env(env), b) => scaled(*env, operator, &b, false),
        (a, PyValue::Env(env)) => scaled(*env, operator, &a, true),
        (a, b) => {
            let number = |v: &PyValue| match v {
                PyValue::Int(n) => Some(*n as f64),
                PyValue::Float(n) => Some(*n),
                _ => None,
            };
            match (number(&a), number(&b)) {
                (Some(a), Some(b)) => real(operator, a, b),
                _ => PyValue::Unknown,
            }
        }
    }
}

fn text(a: &str, b: &str, whole: bool) -> PyValue {
    if a.len() + b.len() > MAX_LENGTH {
        PyValue::Unknown
    } else if whole {
        PyValue::Str(format!("{a}{b}").into())
    } else {
        PyValue::Partial(format!("{a}{b}").into())
    }
}

fn whole(operator: Operator, a: i64, b: i64) -> PyValue {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => return real(operator, a as f64, b as f64),
        // Python rounds down, and so does Rust's Euclidean division by a positive number.
        Operator::FloorDivide if b > 0 => a.checked_div_euclid(b),
        Operator::Modulo if b > 0 => a.checked_rem_euclid(b),
        Operator::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        Operator::ShiftLeft => u32::try_from(b)
            .ok()
            .filter(|b| *b < 63)
            .and_then(|b| a.checked_mul(1 << b)),
        _ => None,
    };
    result.map_or(PyValue::Unknown, PyValue::Int)
}

fn real(operator: Operator, a: f64, b: f64) -> PyValue {
    let result = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide if b != 0.0 => a / b,
        Operator::FloorDivide if b != 0.0 => (a / b).floor(),
        Operator::Power => a.powf(b),
        _ => return PyValue::Unknown,
    };
    if result.is_finite() {
        PyValue::Float(result)
    } else {
        PyValue::Unknown
    }
}

/// A variable times a constant stays a variable, with its default scaled.
fn scaled(mut env: EnvValue, operator: Operator, by: &PyValue, swapped: bool) -> PyValue {
    let factor = match by {
        PyValue::Int(n) => *n as f64,
        PyValue::Float(n) => *n,
        _ => return PyValue::Unknown,
    };
    let factor = match operator {
        Operator::Multiply => factor,
        Operator::Divide | Operator::FloorDivide if !swapped && factor != 0.0 => 1.0 / factor,
        _ => return PyValue::Unknown,
    };
    env.scale *= factor;
    env.default = env.default.and_then(|d| {
        Some(Val {
            value: PyValue::Float(d.as_f64()? * factor),
            span: d.span,
        })
    });
    PyValue::Env(Box::new(env))
}

/// `int(x)` and similar conversions: the value keeps its place.
pub(super) fn convert(callee: &str, value: Val, span: Span) -> Val {
    let at = value.span;
    let converted = match (callee, value.value) {
        (_, PyValue::Env(mut env)) => {
            env.default = env.default.map(|d| convert(callee, d, span));
            PyValue::Env(env)
        }
        ("int", PyValue::Str(text)) => text
            .trim()
            .replace('_', "")
            .parse()
            .map_or(PyValue::Unknown, PyValue::Int),
        ("int", PyValue::Float(n)) if n.abs() < 9e15 => PyValue::Int(n.trunc() as i64),
        ("int", PyValue::Bool(b)) => PyValue::Int(b.into()),
        ("float", PyValue::Int(n)) => PyValue::Float(n as f64),
        ("float", PyValue::Str(text)) => match text.trim().parse::<f64>() {
            Ok(n) if n.is_finite() => PyValue::Float(n),
            _ => PyValue::Unknown,
        },
        ("str", value @ (PyValue::Int(_) | PyValue::Float(_))) => {
            let value = Val { value, span: at };
            PyValue::Str(value.scalar_text().unwrap_or_default().into())
        }
        ("bool", PyValue::Int(n)) => PyValue::Bool(n != 0),
        ("bool", PyValue::Str(text)) => PyValue::Bool(!text.is_empty()),
        (_, PyValue::Ref(_)) => return Val::unknown(span),
        (_, value) => value,
    };
    Val {
        value: converted,
        span: at,
    }
}

pub(super) fn timedelta(args: &[Argument]) -> Option<f64> {
    let mut seconds = 0.0;
    for arg in args {
        seconds += arg.value.as_f64()?
            * match &*arg.name {
                "weeks" => 604_800.0,
                "days" => 86_400.0,
                "hours" => 3600.0,
                "minutes" => 60.0,
                "seconds" => 1.0,
                "milliseconds" => 1e-3,
                "microseconds" => 1e-6,
                _ => return None,
            };
    }
    Some(seconds)
}
