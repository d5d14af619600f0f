//! What a new link is asked to be.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::ArrayBuilder;

use crate::easypay::methods::Method;
use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, FromFields};
use crate::http::fields::{TaxFree, refuse_beside_subscription};
use crate::kiwoom::text::{CustomerId, CustomerName, Email, OrderNo, ProductName};
use crate::rules::ids::SubscriptionId;
use crate::rules::money::Won;
use crate::rules::schedule::midnight;
use crate::rules::text::Text;

/// An order by itself: `amount`, `productName` and `customerName`; or what a subscription owes:
/// `subscriptionId`.
#[expect(dead_code, reason = "describes what `Create` reads")]
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = PaymentLinkRequest)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// What this subscription owes: it is past due or unpaid. Its retries wait while the link lives.
    #[schema(value_type = Option<SubscriptionId>)]
    subscription_id: Option<SubscriptionId>,
    /// Won.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_999_999_999_i64, example = 9900)]
    amount: Option<Won>,
    product_name: Option<ProductName>,
    customer_name: Option<CustomerName>,
    customer_id: Option<CustomerId>,
    customer_email: Option<Email>,
    /// Unique for ever; left out, the service makes one.
    order_id: Option<OrderNo>,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: Option<i64>,
    /// What the page offers; left out, all that `GET /easypay/methods` lists.
    methods: Option<Methods>,
    /// Until when it can be paid, at most 90 days: an instant, or a date that stands for its end in Korea.
    /// Left out, seven days, or as long as a retry of the subscription can still be made.
    until: Option<Until>,
}

/// What a link is to be.
pub struct Create {
    /// What is to be paid.
    pub subject: Subject,
    /// What the page offers; `None`: all.
    pub methods: Option<Vec<Method>>,
    /// Until when it can be paid.
    pub until: Option<DateTime<Utc>>,
}

/// What is to be paid.
pub enum Subject {
    /// An order by itself.
    Order(Box<Single>),
    /// What a subscription owes.
    Subscription(SubscriptionId),
}

/// An order by itself.
pub struct Single {
    pub amount: Won,
    pub tax_free_amount: i64,
    pub product_name: ProductName,
    pub customer_name: CustomerName,
    pub customer_id: Option<CustomerId>,
    pub customer_email: Option<Email>,
    pub order_id: Option<OrderNo>,
}

/// Some of the methods, each once.
struct Methods(Vec<Method>);

described!(
    Methods as "PaymentLinkMethods",
    ArrayBuilder::new()
        .items(<Method as utoipa::PartialSchema>::schema())
        .min_items(Some(1))
        .max_items(Some(6))
        .unique_items(true)
);

impl FromField for Methods {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            let ko =
                "결제수단 코드를 하나 이상, 중복 없이 담은 배열이어야 합니다. 예: [\"KAKAOPAY\"]";
            Text::new(
                ko,
                "Has to be a list of at least one method, each once, such as [\"KAKAOPAY\"].",
            )
        };
        let list = value.as_array().filter(|list| !list.is_empty()).ok_or_else(wrong)?;
        let read: Vec<Method> = list.iter().map(Method::from_field).collect::<Result<_, _>>()?;
        let different: BTreeSet<_> = read.iter().map(|method| method.code()).collect();
        if different.len() == read.len() { Ok(Self(read)) } else { Err(wrong()) }
    }
}

/// An instant, or a date that stands for its end in Korea.
struct Until(DateTime<Utc>);

described!(
    Until as "PaymentLinkUntil",
    description::moment().description(Some(
        "`YYYY-MM-DD`, the end of that day in Korea, or an RFC 3339 instant"
    ))
);

impl FromField for Until {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let date = NaiveDate::from_field(value).ok().and_then(|date| date.succ_opt());
        match date {
            Some(next) => Ok(Self(midnight(next))),
            None => DateTime::from_field(value).map(Self),
        }
    }
}

impl FromFields for Create {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let methods = f.optional::<Methods>("methods").map(|methods| methods.0);
        let until = f.optional::<Until>("until").map(|until| until.0);
        let subject = if f.has("subscriptionId") { subscription(f) } else { order(f) };
        Some(Self { subject: subject?, methods, until })
    }
}

fn subscription(f: &mut Fields) -> Option<Subject> {
    let others = [
        "amount",
        "productName",
        "customerName",
        "customerId",
        "customerEmail",
        "orderId",
        "taxFreeAmount",
    ];
    refuse_beside_subscription(f, &others);
    f.required("subscriptionId").map(Subject::Subscription)
}

fn order(f: &mut Fields) -> Option<Subject> {
    f.know("subscriptionId");
    let amount = f.required::<Won>("amount");
    let product_name = f.required("productName");
    let customer_name = f.required("customerName");
    let tax_free_amount = TaxFree::of(f, amount).unwrap_or(0);
    let order_id = f.optional::<OrderNo>("orderId");
    OrderNo::refuse_renewals(f, order_id.as_ref());
    let (customer_id, customer_email) = (f.optional("customerId"), f.optional("customerEmail"));
    Some(Subject::Order(Box::new(Single {
        amount: amount?,
        tax_free_amount,
        product_name: product_name?,
        customer_name: customer_name?,
        customer_id,
        customer_email,
        order_id,
    })))
}
