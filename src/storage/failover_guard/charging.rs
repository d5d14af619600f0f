//! Whether the schedule may charge, and why not.

use std::fmt;

use chrono::Duration;

use crate::storage::failover_guard::identity::Identity;
use crate::storage::failover_guard::outside::Pause;

/// Whether the schedule may charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charging {
    /// The database is the one it was.
    On,
    /// Nothing is charged.
    Paused(Why),
    /// On, and the database does not let the service see which server it is.
    Unguarded,
}

/// Why nothing is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is another database.
    Replaced {
        /// The one that charging was confirmed for.
        confirmed: Box<Identity>,
        /// The one that it is.
        present: Box<Identity>,
    },
    /// An operator announced that a replica takes over, and none has yet.
    Planned {
        /// The one that it is.
        present: Box<Identity>,
    },
    /// An operator said so, or the database lacks what was seen in it.
    Paused(Pause),
    /// What the object at `HIGH_WATER_MARK_URL` holds is not known yet.
    Unread,
    /// This machine's clock is that far ahead of the database's, or behind it when negative.
    Clock(Duration),
}

impl Why {
    /// The word in health.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Replaced { .. } => "replaced",
            Self::Planned { .. } => "planned",
            Self::Paused(_) => "paused",
            Self::Unread => "unread",
            Self::Clock(_) => "clock",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resume = "결제 기록을 키움페이와 대조한 뒤 `kiwoom-billing resume-charging`을 실행해 주세요 \
             (compare the books with KiwoomPay, then run `kiwoom-billing resume-charging`)";
        match self {
            Self::Replaced { confirmed, present } => write!(
                f,
                "데이터베이스가 복원되었거나 다른 서버로 전환되었습니다 (the database was restored or \
                 failed over): {confirmed} → {present}. {resume}"
            ),
            Self::Planned { present } => write!(
                f,
                "예고된 페일오버를 기다립니다. 복제본이 승격되면 저절로 재개되고, 취소하려면 \
                 `kiwoom-billing resume-charging`을 실행해 주세요 (the failover that was announced has not \
                 happened yet: {present}. Charging goes on by itself then; to call it off, run \
                 `kiwoom-billing resume-charging`)"
            ),
            Self::Paused(Pause { at, reason }) => write!(
                f,
                "{}부터 정기 청구가 중단되어 있습니다 (scheduled charging is paused): {reason}. {resume}",
                kiwoom_clock::rfc3339_kst(*at)
            ),
            Self::Unread => f.write_str(
                "HIGH_WATER_MARK_URL의 객체를 읽을 때까지 정기 청구를 하지 않습니다 (nothing scheduled is \
                 charged until the object at HIGH_WATER_MARK_URL was read)",
            ),
            Self::Clock(ahead) => {
                let is_ahead = *ahead > Duration::zero();
                let (ko, en) = if is_ahead { ("빠릅", "ahead of") } else { ("느립", "behind") };
                write!(
                    f,
                    "이 서버의 시계가 데이터베이스의 시계보다 {}초 {ko}니다. 두 시계가 맞을 때까지 정기 청구를 \
                     하지 않습니다 (this machine's clock is {0} seconds {en} the database's; nothing \
                     scheduled is charged until they agree)",
                    ahead.num_seconds().abs()
                )
            }
        }
    }
}
