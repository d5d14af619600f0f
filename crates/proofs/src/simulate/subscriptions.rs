//! What the merchant's backend asks of subscriptions: to begin, change, pause, go on and end.

use chrono::{Datelike, Days, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};

use crate::simulate::Failure;
use crate::simulate::diary::{Asked, Note};
use crate::simulate::foretold::Previewed;
use crate::simulate::merchant::{Subscriber, get, insist, now, with_card};
use crate::simulate::reach::Reach;
use crate::simulate::terms::{Anchor, Offer, Price, Terms, Unit};
use kiwoom_billing::rules::ids::SubscriptionId;
use kiwoom_clock::kst;

/// No price is cut to less than this, in won.
const LEAST: i64 = 1_000;

/// Makes a subscription; a plain one when a first charge at once is declined.
pub async fn subscribe(
    reach: &Reach,
    (customer, key): (&str, &str),
    terms: Terms,
    today: NaiveDate,
    notes: &mut Vec<Note>,
) -> Result<SubscriptionId, Failure> {
    for terms in [terms, terms.plain()] {
        let body = terms.body(customer, key);
        let answer = with_card(reach, key, "/billing/subscribe", &body, notes).await;
        let (status, answer) = answer.ok_or("a subscription cannot be made")?;
        notes.push(Note::Count(format!("subscribing, {:?}: {status}", kind(terms.offer))));
        // Declined, or the gateway was not reached in time.
        if matches!(status, 402 | 502) {
            continue;
        }
        let made = &answer["data"];
        let id = made["id"].as_str().filter(|_| status < 300);
        let id = SubscriptionId::parse(id.ok_or(format!("no subscription: {status} {answer}"))?);
        let first_due = match terms.offer {
            Offer::Plain | Offer::Introduction(_) => {
                made["nextBillingDate"].as_str().unwrap_or_default().parse()?
            }
            Offer::Now(_) | Offer::Trial(_) | Offer::FreeCycles(_) => today,
        };
        notes.push(Note::Subscribed { id: id.0, terms, first_due });
        if let Offer::Trial(_) = terms.offer {
            notes.push(Note::Asked(id.0, Asked::Consent(terms.amount.into())));
        }
        return Ok(id);
    }
    Err("every first charge is declined".into())
}

fn kind(offer: Offer) -> &'static str {
    match offer {
        Offer::Plain => "plain",
        Offer::Now(first) => first,
        Offer::Trial(_) => "trial",
        Offer::FreeCycles(_) => "free cycles",
        Offer::Introduction(_) => "introduction",
    }
}

/// The merchant's backend, about the subscription of one of its customers, from one day on: while a call
/// waits for its answer the clock may be moved.
pub struct Merchant<'a> {
    pub reach: &'a Reach,
    pub who: &'a Subscriber,
    pub today: NaiveDate,
    pub notes: &'a mut Vec<Note>,
}

impl Merchant<'_> {
    /// Ends the subscription and makes another. When it ends with its period, the other one has to
    /// wait.
    pub async fn cancel(&mut self, at_period_end: bool, terms: Terms) -> Option<SubscriptionId> {
        let id = self.who.subscription.to_string();
        let body = json!({"subscriptionId": id, "atPeriodEnd": at_period_end});
        let path = "/billing/cancel";
        let (status, _) = insist(self.reach, Method::POST, path, &body, self.notes).await?;
        self.count("cancellation", status);
        if at_period_end {
            return None;
        }
        let customer = (self.who.customer.as_str(), self.who.key.as_str());
        subscribe(self.reach, customer, terms, self.today, self.notes).await.ok()
    }

    /// Stops billing: for so many days, until it is resumed, or when what is paid is used up.
    pub async fn pause(&mut self, days: Option<u32>, at_period_end: bool) {
        let until = days.map(|days| self.today + Days::new(days.into()));
        let (body, asked) = match until {
            Some(day) => (json!({"until": day}), vec![Asked::Resume(day)]),
            None if at_period_end => (json!({"at": "period_end"}), vec![Asked::PauseAtEnd]),
            None => (json!({}), Vec::new()),
        };
        let status = self.post("/pause", &body, &asked).await;
        if is_perhaps_done(status) && !asked.contains(&Asked::PauseAtEnd) {
            let day = self.last_day().await;
            self.note(&[Asked::Pause(day)]);
        }
    }

    /// Goes on with billing.
    pub async fn resume(&mut self) {
        let status = self.post("/resume", &json!({}), &[]).await;
        if is_perhaps_done(status) {
            self.note_each_day(Asked::Resume).await;
        }
    }

    /// Another anchor day and price, from the next period on.
    pub async fn change(&mut self, day: u32, price: Price) {
        let Some(shown) = self.show().await else { return };
        let day = if shown["interval"] == "week" { day % 7 + 1 } else { day };
        let Price { won, tax_free } = price;
        let body = json!({"cycleDay": day, "amount": won, "taxFreeAmount": tax_free});
        self.patch("change", &body, &[Asked::Day(day), Asked::Price(price)]).await;
    }

    /// Another amount at once: so much more, with a consent, or half of it.
    pub async fn change_now(&mut self, amount: u32, up: bool) {
        let Some(shown) = self.show().await else { return };
        let now = price_of(&shown);
        let amount = if up { now.won + i64::from(amount) } else { (now.won / 2).max(LEAST) };
        let price = in_proportion(now, amount);
        let mut body = json!({"amount": amount, "taxFreeAmount": price.tax_free, "when": "now"});
        let mut asked = vec![Asked::Price(price)];
        if up {
            body["consent"] = json!({"method": "checkbox"});
            asked.push(Asked::Consent(amount));
        }
        self.patch(if up { "rise at once" } else { "cut at once" }, &body, &asked).await;
    }

    /// Another interval at the same price per day, rounded down: at once, or from the next period on.
    pub async fn interval(&mut self, anchor: Anchor, now: bool) {
        let Some(shown) = self.show().await else { return };
        let unit = match shown["interval"].as_str() {
            Some("week") => Unit::Week,
            Some("year") => Unit::Year,
            _ => Unit::Month,
        };
        let count = shown["intervalCount"].as_u64().and_then(|count| u32::try_from(count).ok());
        let was = Anchor { unit, count: count.unwrap_or(1), day: 1 };
        let before = price_of(&shown);
        let amount = before.won * anchor.twelfths_of_days() / was.twelfths_of_days();
        let price = in_proportion(before, amount.max(LEAST));
        let Anchor { unit, count, day } = anchor;
        let mut body = json!({
            "interval": anchor.interval(), "intervalCount": count, "amount": price.won,
            "taxFreeAmount": price.tax_free,
        });
        let mut asked = vec![Asked::Interval(unit, count), Asked::Price(price)];
        if now {
            body["when"] = json!("now");
            let weekday = self.today.weekday().number_from_monday();
            asked.extend([self.today.day(), weekday].map(Asked::Day));
        } else {
            body["cycleDay"] = json!(day);
            asked.push(Asked::Day(day));
        }
        self.patch(if now { "interval at once" } else { "interval" }, &body, &asked).await;
    }

    /// The customer agrees to the price that is to come.
    pub async fn consent(&mut self) {
        let Some(shown) = self.show().await else { return };
        let to_come = shown["pendingAmount"].as_i64().or(shown["amount"].as_i64()).unwrap_or(0);
        let body = json!({"amount": to_come, "method": "checkbox"});
        self.post("/consent", &body, &[Asked::Consent(to_come)]).await;
    }

    /// Gives free days.
    pub async fn extend(&mut self, days: u32) {
        let body = json!({"days": days, "reason": "장애 보상"});
        let status = self.post("/extend", &body, &[]).await;
        if is_perhaps_done(status) {
            let asked = Asked::Extend { days: days.into(), is_given: status.is_some() };
            self.note(&[asked]);
        }
    }

    /// Gives so many percent of the payment that was made last back: of what is free of tax as much as
    /// there is, or as little.
    pub async fn refund(&mut self, percent: u32, tax_free_first: bool) {
        let id = self.who.subscription;
        let path = format!("/billing/payments?subscriptionId={id}&status=approved&limit=1");
        let Some(page) = get(self.reach, &path).await else { return };
        let paid = &page["items"][0];
        let Some((payment, amount)) = paid["id"].as_str().zip(paid["amount"].as_i64()) else {
            return;
        };
        let part = (amount * i64::from(percent) / 100).max(1);
        let mut body = json!({"paymentId": payment, "amount": part});
        if tax_free_first && let Some(tax_free) = paid["taxFreeAmount"].as_i64() {
            body["taxFreeAmount"] = json!(tax_free.min(part));
        }
        let path = "/billing/refund";
        let answer = insist(self.reach, Method::POST, path, &body, self.notes).await;
        self.count("refund of a period", answer.map_or(0, |(status, _)| status));
    }

    /// Pays what is owed. After an unpaid period service goes on from today.
    pub async fn pay_open(&mut self) {
        let body = json!({"subscriptionId": self.who.subscription.to_string()});
        let path = "/billing/pay";
        let answer = with_card(self.reach, &self.who.key, path, &body, self.notes).await;
        self.count("open period", answer.map_or(0, |(status, _)| status));
        self.note_each_day(Asked::Pay).await;
    }

    async fn post(&mut self, path: &str, body: &Value, asked: &[Asked]) -> Option<u16> {
        let answer = insist(self.reach, Method::POST, &self.path(path), body, self.notes).await;
        self.told(path.trim_start_matches('/'), answer.map(|(status, _)| status), asked)
    }

    /// Previews a change, and makes it.
    async fn patch(&mut self, name: &str, body: &Value, asked: &[Asked]) {
        let (before, day) = (self.revision().await, self.last_day().await);
        let path = self.path("?preview=true");
        let preview = insist(self.reach, Method::PATCH, &path, body, self.notes).await;
        let answer = insist(self.reach, Method::PATCH, &self.path(""), body, self.notes).await;
        let revisions = before.zip(self.revision().await);
        if let (Some((200, preview)), Some((200, made))) = (&preview, &answer)
            && let Some(revisions) = revisions
        {
            let subscription = self.who.subscription.0;
            let days = (day, self.last_day().await);
            let previewed = Previewed { subscription, revisions, days, preview, made };
            self.notes.push(previewed.note());
        }
        self.told(name, answer.map(|(status, _)| status), asked);
    }

    /// How often the row was written. `None` = PostgreSQL is down just now.
    async fn revision(&self) -> Option<i32> {
        let query = sqlx::query_scalar("select revision from subscriptions where id = $1");
        query.bind(self.who.subscription.0).fetch_one(&self.reach.pool).await.ok()
    }

    /// Notes what was asked, unless the answer says that it was refused. Without an answer it may or
    /// may not have been done.
    fn told(&mut self, name: &str, status: Option<u16>, asked: &[Asked]) -> Option<u16> {
        self.count(name, status.unwrap_or(0));
        if is_perhaps_done(status) {
            self.note(asked);
        }
        status
    }

    /// The day by the sandbox's clock.
    async fn last_day(&self) -> NaiveDate {
        now(self.reach).await.map_or(self.today, |now| kst(now).date_naive())
    }

    /// Notes what was asked and done on one of the days since the call.
    async fn note_each_day(&mut self, asked: impl Fn(NaiveDate) -> Asked) {
        let last = self.last_day().await;
        let days = self.today.iter_days().take_while(|day| *day <= last);
        self.note(&days.map(asked).collect::<Vec<_>>());
    }

    fn note(&mut self, asked: &[Asked]) {
        let id = self.who.subscription.0;
        self.notes.extend(asked.iter().map(|asked| Note::Asked(id, *asked)));
    }

    fn count(&mut self, name: &str, status: u16) {
        self.notes.push(Note::Count(format!("{name} answered {status}")));
    }

    fn path(&self, rest: &str) -> String {
        format!("/billing/subscription/{}{rest}", self.who.subscription)
    }

    /// The subscription as the API shows it.
    async fn show(&self) -> Option<Value> {
        get(self.reach, &self.path("")).await
    }
}

/// Whether it was not refused.
fn is_perhaps_done(status: Option<u16>) -> bool {
    status.is_none_or(|status| status < 300)
}

/// The price that the API shows.
fn price_of(shown: &Value) -> Price {
    let won = |name: &str| shown[name].as_i64().unwrap_or(0);
    Price { won: won("amount"), tax_free: won("taxFreeAmount") }
}

/// So many won, as much of them free of tax as of `price`, rounded down.
fn in_proportion(price: Price, won: i64) -> Price {
    Price { won, tax_free: price.tax_free * won / price.won.max(1) }
}
