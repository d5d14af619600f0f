//! A payment page as the customer's browser has it, without scripts.

use reqwest::Client;
use serde_json::{Map, Value, json};

/// A page that was answered with.
pub struct Shown {
    pub status: u16,
    pub text: String,
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn shown(answer: reqwest::Result<reqwest::Response>) -> Shown {
    let answer = answer.unwrap();
    Shown { status: answer.status().as_u16(), text: answer.text().await.unwrap() }
}

/// The page at the address of a link.
pub async fn page(link: &Value) -> Shown {
    shown(client().get(link["url"].as_str().unwrap()).send().await).await
}

/// What the page's button of this method sends.
pub async fn press(url: &str, page: &Shown, method: &str) -> Shown {
    let mut form = hidden(&page.text);
    form.insert("method".to_owned(), json!(method));
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &form {
        body.append_pair(name, value.as_str().unwrap());
    }
    let request = client().post(url).body(body.finish());
    shown(request.header("Content-Type", "application/x-www-form-urlencoded").send().await).await
}

/// Looks at the page and chooses the method: what opens the window, as `prepare` answers it.
pub async fn open_window(link: &Value, method: &str) -> Value {
    let page = page(link).await;
    let opened = press(link["url"].as_str().unwrap(), &page, method).await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    window_of(&opened)
}

/// The window that a page opens.
pub fn window_of(opened: &Shown) -> Value {
    json!({"formAction": attribute(&opened.text, "action=\""), "sdkData": hidden(&opened.text)})
}

fn attribute(text: &str, before: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before}: {text}"));
    rest.split('"').next().unwrap().to_owned()
}

/// The hidden fields of the page's form.
fn hidden(page: &str) -> Map<String, Value> {
    let inputs = page.split("<input type=\"hidden\" ").skip(1);
    let pair = |input: &str| {
        let name = attribute(input, "name=\"");
        (name, Value::from(unescaped(&attribute(input, "value=\""))))
    };
    inputs.map(pair).collect()
}

fn unescaped(value: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.iter().fold(value.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}
