//! Corpus: every case of `tests/corpus`, driven through the real server on a socket. Each case is a valid call with one thing
//! changed, so only that thing can be the cause of a refusal. See tests/corpus/README.md.

mod call;
mod case;
mod checks;
mod class;
mod drive;
mod environment;
mod every_case;
mod hooks;
mod http2;
mod message;
mod relay;
mod rows;
mod startup;
mod text;
mod token;

macro_rules! classes {
    ($($class:ident)+) => {
        /// The names of the files in `tests/corpus`.
        const CLASSES: &[&str] = &[$(stringify!($class)),+];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $class() {
                drive::class(stringify!($class)).await;
            }
        )+
    };
}

/// Whether a class has a case of this name.
pub(crate) use class::has_case;
/// The rows of the directory in cases that have the same outcome with any database.
pub(crate) use rows::other_rows;

classes! { base token caller authorization mapping return_url flow_and_locale transport stripe flag_and_secrets configuration leaks shutdown }
