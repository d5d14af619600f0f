//! Status of a subscription, as it is stored. Pure.

use kiwoom_paid_time as paid_time;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Its first charge is under way or unknown; callers see it by its id alone.
    Incomplete,
    /// Billed on its day.
    Active,
    /// A charge was declined and retries are planned.
    PastDue,
    /// Not billed until resumed.
    Paused,
    /// Retries are used up, or the card was declined for good.
    Unpaid,
    /// Over.
    Canceled,
}

impl From<paid_time::Status> for Status {
    fn from(status: paid_time::Status) -> Self {
        match status {
            paid_time::Status::Active => Self::Active,
            paid_time::Status::PastDue => Self::PastDue,
            paid_time::Status::Paused => Self::Paused,
            paid_time::Status::Unpaid => Self::Unpaid,
            paid_time::Status::Canceled => Self::Canceled,
        }
    }
}

impl From<Status> for paid_time::Status {
    /// One whose first charge has no known outcome is active to the model: its days are open.
    fn from(status: Status) -> Self {
        match status {
            Status::Incomplete | Status::Active => Self::Active,
            Status::PastDue => Self::PastDue,
            Status::Paused => Self::Paused,
            Status::Unpaid => Self::Unpaid,
            Status::Canceled => Self::Canceled,
        }
    }
}
