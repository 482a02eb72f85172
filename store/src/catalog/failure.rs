//! Why a profile has no index, for programs; the reason beside it is for people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What ended the last build of a profile that does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The capture, or the program that indexed it. What a record without a cause stands for.
    #[default]
    Error,
    /// The disk was full: a server begins again once there is room.
    NoRoom,
    /// Somebody ended it.
    Cancelled,
}
