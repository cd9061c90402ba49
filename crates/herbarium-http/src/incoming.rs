//! The body of a request, on its way in: bounded in size, pace and memory, and
//! unpacked.

use crate::kinds;
use crate::problem::Problem;

/// Why a body was not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::new(&kinds::BODY_TOO_LARGE)
                .detail("read the body")
                .expected(format!("at most {limit} bytes"))
                .with("limit", limit),
        }
    }
}
