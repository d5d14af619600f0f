//! What each metric is, for whoever reads `GET /metrics`; and each label that is known beforehand, at 0
//! from the start, so that its first event is a rise.

use metrics::{Unit, with_recorder};

use crate::payments::{CHARGE_OUTCOMES, ORIGINS, REFUND_OUTCOMES};
use crate::service::{retention, scheduler};

type Described = (&'static str, Unit, &'static str);

const COUNTERS: &[Described] = &[
    ("kiwoom_billing_requests_total", Unit::Count, "Requests answered, by status."),
    (
        "kiwoom_billing_charges_total",
        Unit::Count,
        "Calls that charge, by outcome, who asked, and RESULTCODE of a refusal.",
    ),
    ("kiwoom_billing_charged_won_total", Unit::Count, "Won that were charged, by who asked."),
    ("kiwoom_billing_refunds_total", Unit::Count, "Refunds, by outcome."),
    ("kiwoom_billing_notifications_total", Unit::Count, "Notifications answered, by status."),
    (
        "kiwoom_billing_notifications_refused_total",
        Unit::Count,
        "Notifications answered with FAIL, by reason.",
    ),
    (
        "kiwoom_billing_deliveries_total",
        Unit::Count,
        "Tries at telling an event, by the state of the delivery after it.",
    ),
    (
        "kiwoom_billing_forgotten_total",
        Unit::Count,
        "Rows forgotten because they were too old (RETENTION_*_DAYS), by kind.",
    ),
    ("kiwoom_billing_registrations_total", Unit::Count, "Cards registered."),
    (
        "kiwoom_billing_registrations_limited_total",
        Unit::Count,
        "Registrations refused, by the limit that was reached.",
    ),
    ("kiwoom_billing_auth_failures_total", Unit::Count, "API keys refused, by reason."),
    (
        "kiwoom_billing_connections_refused_total",
        Unit::Count,
        "Connections closed because there were too many.",
    ),
    (
        "kiwoom_billing_malformed_requests_total",
        Unit::Count,
        "Requests refused because they are not HTTP, before anything else is known of them.",
    ),
    (
        "kiwoom_billing_gateway_failures_total",
        Unit::Count,
        "Calls without an answer of KiwoomPay's, by step and reason.",
    ),
    (
        "kiwoom_billing_pace_refused_total",
        Unit::Count,
        "Calls that found no turn and were answered with 429 or left to a later pass.",
    ),
    ("kiwoom_billing_schedule_failures_total", Unit::Count, "Steps of the schedule that failed."),
    (
        "kiwoom_billing_spans_dropped_total",
        Unit::Count,
        "Spans of traces that no collector was given, by reason.",
    ),
];

const GAUGES: &[Described] = &[
    ("kiwoom_billing_build_info", Unit::Count, "1; the labels say which program runs."),
    (
        "kiwoom_billing_database_up",
        Unit::Count,
        "1 when the database answered within a second, just now.",
    ),
    (
        "kiwoom_billing_database_connections",
        Unit::Count,
        "Connections to the database, by pool and state.",
    ),
    (
        "kiwoom_billing_unknown_outcomes",
        Unit::Count,
        "Payments and refunds whose outcome is unknown.",
    ),
    ("kiwoom_billing_unknown_won", Unit::Count, "Won of these."),
    (
        "kiwoom_billing_unknown_oldest_seconds",
        Unit::Seconds,
        "Since the oldest of these was sent; 0 without any.",
    ),
    (
        "kiwoom_billing_merchant_settings_to_mend",
        Unit::Count,
        "Settings or contracts that KiwoomPay refuses calls for.",
    ),
    (
        "kiwoom_billing_scheduled_charging_paused",
        Unit::Count,
        "1 while nothing scheduled is charged.",
    ),
    ("kiwoom_billing_disbelieved_proxies", Unit::Count, "Proxies that pass on what clients write."),
    ("kiwoom_billing_due_subscriptions", Unit::Count, "Subscriptions with something to do now."),
    (
        "kiwoom_billing_due_oldest_seconds",
        Unit::Seconds,
        "How late the first of these is; 0 without any.",
    ),
    ("kiwoom_billing_deliveries_waiting", Unit::Count, "Events that wait for their delivery."),
    (
        "kiwoom_billing_deliveries_oldest_seconds",
        Unit::Seconds,
        "Since the oldest of these happened; 0 without any.",
    ),
    (
        "kiwoom_billing_deliveries_given_up",
        Unit::Count,
        "Events of which no delivery is tried any more.",
    ),
    ("kiwoom_billing_events_unpublished", Unit::Count, "Events that no reader sees yet."),
    (
        "kiwoom_billing_schedule_finished_timestamp_seconds",
        Unit::Seconds,
        "When the schedule last came to its end, by its two loops.",
    ),
    (
        "kiwoom_billing_gateway_calls_in_flight",
        Unit::Count,
        "Calls of KiwoomPay that are under way or have their turn.",
    ),
    (
        "kiwoom_billing_gateway_calls_waiting",
        Unit::Count,
        "Calls that wait for their turn (KIWOOM_RATE_PER_SEC).",
    ),
];

const HISTOGRAMS: &[Described] = &[
    ("kiwoom_billing_request_seconds", Unit::Seconds, "How long answers took, by route."),
    (
        "kiwoom_billing_gateway_seconds",
        Unit::Seconds,
        "How long KiwoomPay took, by step and PAYMETHOD, answered or not.",
    ),
];

/// Describes all, and counts nothing once for each label that is known.
pub fn begin() {
    with_recorder(|recorder| {
        for (name, unit, text) in COUNTERS {
            recorder.describe_counter((*name).into(), Some(*unit), (*text).into());
        }
        for (name, unit, text) in GAUGES {
            recorder.describe_gauge((*name).into(), Some(*unit), (*text).into());
        }
        for (name, unit, text) in HISTOGRAMS {
            recorder.describe_histogram((*name).into(), Some(*unit), (*text).into());
        }
    });
    for origin in ORIGINS {
        for outcome in CHARGE_OUTCOMES {
            metrics::counter!("kiwoom_billing_charges_total", "outcome" => outcome,
                "origin" => origin, "code" => "")
            .absolute(0);
        }
        metrics::counter!("kiwoom_billing_charged_won_total", "origin" => origin).absolute(0);
    }
    for outcome in REFUND_OUTCOMES {
        metrics::counter!("kiwoom_billing_refunds_total", "outcome" => outcome).absolute(0);
    }
    for state in ["waiting", "delivered", "given_up"] {
        metrics::counter!("kiwoom_billing_deliveries_total", "state" => state).absolute(0);
    }
    for step in scheduler::STEPS {
        metrics::counter!("kiwoom_billing_schedule_failures_total", "step" => step).absolute(0);
    }
    for kind in retention::KINDS {
        metrics::counter!("kiwoom_billing_forgotten_total", "kind" => kind).absolute(0);
    }
    for reason in ["queue_full", "not_taken"] {
        metrics::counter!("kiwoom_billing_spans_dropped_total", "reason" => reason).absolute(0);
    }
    metrics::counter!("kiwoom_billing_registrations_total").absolute(0);
    metrics::counter!("kiwoom_billing_connections_refused_total").absolute(0);
    metrics::counter!("kiwoom_billing_malformed_requests_total").absolute(0);
    metrics::counter!("kiwoom_billing_pace_refused_total").absolute(0);
}
