//! The address of a payment page: the link's id and what only the service can make of it. Letters alone, so
//! that nothing in it can be taken for a card number.

use uuid::Uuid;

use crate::context::Context;
use crate::rules::ids::PaymentLinkId;

/// Bytes of an id.
const ID: usize = 16;

/// Where the customer pays the link.
pub fn url(ctx: &Context, id: PaymentLinkId) -> String {
    let bytes = [&id.0.as_bytes()[..], &ctx.vault.link_mac(id.0)].concat();
    format!("{}/easypay/pay/{}", ctx.public_url, letters(&bytes))
}

/// The link that the last part of an address names; `None` when it is none of ours.
pub fn parse(ctx: &Context, token: &str) -> Option<PaymentLinkId> {
    let bytes = bytes(token)?;
    let (id, mac) = bytes.split_at_checked(ID)?;
    let id = Uuid::from_slice(id).ok()?;
    ctx.vault.is_link_mac(id, mac).then_some(PaymentLinkId(id))
}

/// Two letters a byte, `a` to `p`.
fn letters(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from(b'a' + half))
        .collect()
}

fn bytes(letters: &str) -> Option<Vec<u8>> {
    let half = |letter: u8| letter.checked_sub(b'a').filter(|half| *half < 16);
    let pairs = letters.as_bytes().chunks(2);
    pairs.map(|pair| Some(half(*pair.first()?)? << 4 | half(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_letters_reads_back_and_nothing_else_does() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&letters(&all)), Some(all));
        for wrong in ["a", "aq", "AA", "a1", "가", "aa "] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
