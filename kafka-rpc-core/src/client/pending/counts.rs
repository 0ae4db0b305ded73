//! Which count each end of a call adds to.

use crate::client::pending::Ending;
use crate::client::stats::ClientStats;

impl ClientStats {
    /// Counts a call that ends so.
    pub(super) fn count(&mut self, ending: &Ending) {
        let counter = match ending {
            Ending::Reply { .. } => &mut self.answered,
            Ending::Acknowledged => &mut self.acknowledged,
            Ending::Expired { .. } => &mut self.expired,
            Ending::NotPersisted(_) => &mut self.failed,
            Ending::Gap | Ending::Closed => &mut self.disconnected,
        };
        *counter += 1;
    }
}
