//! The entries, a file for each group of sections. Within a section they stand in the order of the guide.

mod infrastructure;
mod platform;
mod service;

pub use infrastructure::{databases, kafka, poolers, topics};
pub use platform::{cells, prices, registries, secrets, slos, targets};
pub use service::services;

/// Declares the entries of a section: a static for each, with the type of its value, and the list of all.
macro_rules! facts {
    (
        $(#[$of:meta])* $module:ident of $section:ident;
        $( $name:ident: $type:ty = ($key:literal, $kind:expr), $sentence:literal, $example:literal, $slot:expr
            $(, $option:ident $arguments:tt)*;)*
    ) => {
        $(#[$of])*
        pub mod $module {
            #[allow(unused_imports, reason = "not every section has facts of every kind")]
            use super::*;
            $(
                #[doc = $sentence]
                pub static $name: Key<$type> = Key::new(
                    Section::$section,
                    ($key, $kind),
                    $sentence,
                    $example,
                    $slot,
                ) $(.$option $arguments)*;
            )*

            /// All of them, in the order of the guide.
            pub static ALL: &[&Entry] = &[$(&$name.entry),*];
        }
    };
}
pub(super) use facts;
