//! What goes back to the card. It changes no segment and no charge to come.

use crate::money::Money;
use crate::segment::ChargeState;
use crate::subscription::Subscription;

impl Subscription {
    /// Records that `money` of charge `id` went back to the card. `false`, and nothing is recorded,
    /// when less can be refunded.
    pub fn refund(&mut self, id: u32, money: Money) -> bool {
        let fits = |left: Money| (1..=left.won).contains(&money.won);
        let charge = self.charge_mut(id).filter(|c| fits(c.refundable()));
        charge.map(|c| c.refunded += money).is_some()
    }

    /// Takes `won` out of the credit balance and records that they went back to the card of charge
    /// `id`, whose days the credit was given for. The answer is the refund with its tax-free part:
    /// that of the balance in proportion, rounded down, as far as the card has paid so much. `None`,
    /// and nothing is taken, when the balance, the credit of that charge or what the card paid is
    /// less, or while a change at once has not ended.
    pub fn refund_credit(&mut self, id: u32, won: i64) -> Option<Money> {
        if self.undo.is_some() {
            return None;
        }
        let balance = self.credit;
        let charge = self.charge_mut(id).filter(|c| c.state == ChargeState::Approved)?;
        let paid = charge.amount.less(charge.refunded);
        let most = balance.won.min(charge.credited.won).min(paid.won);
        if !(1..=most).contains(&won) {
            return None;
        }
        let back = balance.part_of_all(won, paid, [balance, charge.credited]);
        charge.credited = charge.credited.less(back);
        charge.refunded += back;
        self.credit = balance.less(back);
        Some(back)
    }

    /// A refund of [`Self::refund_credit`] failed: it is credit again.
    pub fn return_credit(&mut self, id: u32, back: Money) {
        let Some(charge) = self.charge_mut(id) else { return };
        charge.credited += back;
        charge.refunded = charge.refunded.less(back);
        self.credit += back;
    }
}
