//! What is said of a file that has no tree.

use herbarium_languages::ParseError;
use herbarium_store::NoTree;

use crate::outcome::Failure;
use crate::read::Unfit;
use crate::{Limit, ProblemKind};

/// What a manifest says of a file that has no tree; `None` if it says nothing.
pub(crate) fn no_tree(failure: &Failure) -> Option<NoTree> {
    let Failure::Unfit(unfit) = failure else {
        return Some(match failure {
            Failure::Parse(ParseError::TimedOut { .. }) => NoTree::ParseLimit,
            Failure::TooDense { .. } => NoTree::TooLarge,
            _ => NoTree::Other,
        });
    };
    match unfit {
        // The row names the language that was not built in.
        Unfit::Unknown | Unfit::NotBuilt(_) => Some(NoTree::UnknownLanguage),
        Unfit::InjectionOnly => Some(NoTree::InjectionOnly),
        Unfit::Binary => Some(NoTree::Binary),
        Unfit::Encoding(_) => Some(NoTree::Encoding),
        Unfit::TooLarge { .. } => Some(NoTree::TooLarge),
        Unfit::Changing => Some(NoTree::Changing),
        Unfit::Unreadable(_) | Unfit::NotAFile(_) => Some(NoTree::Unreadable),
        Unfit::Vanished(_) | Unfit::Filtered => None,
    }
}

/// The limit that a file without a tree is over.
pub(crate) fn limit(failure: &Failure) -> Option<Limit> {
    match failure {
        Failure::Unfit(Unfit::TooLarge { .. }) => Some(Limit::FileBytes),
        Failure::TooDense { .. } => Some(Limit::Memory),
        Failure::Parse(ParseError::TimedOut { .. }) => Some(Limit::ParseTime),
        _ => None,
    }
}

/// Kind of a problem, and its message.
pub(crate) fn explain(failure: &Failure) -> (ProblemKind, String) {
    use ProblemKind as Kind;
    match failure {
        Failure::Unfit(unfit) => explain_unfit(unfit),
        Failure::TooDense { needed, limit } => (
            Kind::TooLarge,
            format!(
                "parsing it would take some {} MiB of memory, the limit is {} MiB: raise the \
                 memory budget or leave the file out",
                needed.div_ceil(1 << 20),
                limit >> 20
            ),
        ),
        Failure::Parse(error @ ParseError::TimedOut { .. }) => (Kind::TimedOut, error.to_string()),
        Failure::Parse(error) => (Kind::ParseFailed, error.to_string()),
        Failure::Capture(words) => (Kind::CaptureFailed, words.clone()),
        Failure::Panicked(words) => (
            Kind::Panicked,
            format!("the thread that worked on it panicked: {words}: report the file"),
        ),
        Failure::Hung(step) => (
            Kind::TimedOut,
            format!("{step} never came to an end: report the file, or leave it out"),
        ),
    }
}

fn explain_unfit(unfit: &Unfit) -> (ProblemKind, String) {
    use ProblemKind as Kind;
    match unfit {
        Unfit::Encoding(mark) => (
            Kind::Encoding,
            format!("is {mark}, expected UTF-8 or another text that extends ASCII: convert it"),
        ),
        Unfit::TooLarge { len, limit } => (
            Kind::TooLarge,
            format!("has {len} bytes, the limit is {limit}: raise the limit or leave the file out"),
        ),
        Unfit::Changing => (
            Kind::Changing,
            "went on changing while it was read: index again when it rests".to_owned(),
        ),
        Unfit::Vanished(error) => (
            Kind::Vanished,
            format!("was gone when it was to be read: {error}: index again when it is back"),
        ),
        Unfit::Unreadable(error) => {
            (Kind::Unreadable, format!("could not be read: {error}: check its permissions"))
        }
        Unfit::NotAFile(found) => {
            (Kind::Unreadable, format!("expected a regular file, found {found}: leave it out"))
        }
        other => (Kind::Unreadable, format!("{other:?}")),
    }
}
