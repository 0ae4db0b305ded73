//! Who should own which partition: balanced, moving as few as possible, the same on every run.

use std::collections::BTreeMap;

/// Identifies a member for the life of a broker.
pub(super) type MemberId = u64;

/// Who a partition belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) member: MemberId,
    /// The revocation that is taking it away, if one is.
    pub(super) revocation: Option<u64>,
}

/// What has to change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) revoke: BTreeMap<MemberId, Vec<u32>>,
    pub(super) assign: BTreeMap<MemberId, Vec<u32>>,
}

/// Plans for `members`, in ascending order. Owners who aren't among them lose what they have.
///
/// A partition that is being revoked moves nowhere until it is released; the group then plans again.
pub(super) fn plan(partitions: u32, members: &[MemberId], claims: &BTreeMap<u32, Claim>) -> Plan {
    let mut owned: BTreeMap<MemberId, Vec<u32>> = BTreeMap::new();
    for (&partition, claim) in claims {
        if claim.revocation.is_none() {
            owned.entry(claim.member).or_default().push(partition);
        }
    }
    let count = |member: &MemberId| owned.get(member).map_or(0, Vec::len);

    // The odd partitions stay with those who have most already.
    let mut by_load = members.to_vec();
    by_load.sort_by_key(|member| (std::cmp::Reverse(count(member)), *member));
    let total = usize::try_from(partitions).unwrap_or(usize::MAX);
    let share = total.checked_div(members.len()).unwrap_or(0);
    let odd = total.checked_rem(members.len()).unwrap_or(0);
    let quota: BTreeMap<MemberId, usize> = by_load
        .iter()
        .enumerate()
        .map(|(place, &member)| (member, share + usize::from(place < odd)))
        .collect();

    let mut plan = Plan::default();
    for (&member, partitions) in &mut owned {
        let keep = quota.get(&member).copied().unwrap_or(0);
        if partitions.len() > keep {
            plan.revoke.insert(member, partitions.split_off(keep));
        }
    }

    let mut load: BTreeMap<MemberId, usize> = members
        .iter()
        .map(|member| (*member, owned.get(member).map_or(0, Vec::len)))
        .collect();
    for partition in (0..partitions).filter(|partition| !claims.contains_key(partition)) {
        let next = load
            .iter()
            .filter(|(member, load)| **load < quota[member])
            .min_by_key(|(member, load)| (**load, **member))
            .map(|(member, _)| *member);
        if let Some(member) = next {
            *load.entry(member).or_default() += 1;
            plan.assign.entry(member).or_default().push(partition);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(owners: &[(u32, MemberId)]) -> BTreeMap<u32, Claim> {
        let claim = |member| Claim {
            member,
            revocation: None,
        };
        owners
            .iter()
            .map(|&(p, member)| (p, claim(member)))
            .collect()
    }

    #[test]
    fn the_first_member_gets_everything() {
        let plan = plan(3, &[7], &BTreeMap::new());
        assert_eq!(plan.assign, BTreeMap::from([(7, vec![0, 1, 2])]));
        assert!(plan.revoke.is_empty());
    }

    #[test]
    fn a_second_member_takes_no_more_than_half() {
        let owners = claims(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
        let plan = plan(5, &[1, 2], &owners);
        assert_eq!(plan.revoke, BTreeMap::from([(1, vec![3, 4])]));
        assert!(plan.assign.is_empty());
    }

    #[test]
    fn a_balanced_group_is_left_alone() {
        let owners = claims(&[(0, 2), (1, 1), (2, 2)]);
        assert_eq!(plan(3, &[1, 2], &owners), Plan::default());
    }

    #[test]
    fn what_a_member_leaves_behind_is_spread() {
        let owners = claims(&[(0, 1), (1, 2)]);
        let plan = plan(4, &[1, 2], &owners);
        assert_eq!(plan.assign, BTreeMap::from([(1, vec![2]), (2, vec![3])]));
    }

    #[test]
    fn more_members_than_partitions() {
        let plan = plan(1, &[1, 2, 3], &BTreeMap::new());
        assert_eq!(plan.assign, BTreeMap::from([(1, vec![0])]));
    }

    #[test]
    fn any_sequence_settles_balanced() {
        // Joins and leaves of up to five members; each plan is applied at once, until it is empty.
        let mut owners = BTreeMap::new();
        for step in 0_u64..64 {
            let members: Vec<MemberId> = (0..5).filter(|m| (step >> m) & 1 == 1).collect();
            loop {
                let plan = plan(7, &members, &owners);
                if plan == Plan::default() {
                    break;
                }
                for partition in plan.revoke.into_values().flatten() {
                    owners.remove(&partition);
                }
                for (member, partitions) in plan.assign {
                    owners.extend(claims(
                        &partitions.iter().map(|p| (*p, member)).collect::<Vec<_>>(),
                    ));
                }
            }
            let loads: Vec<usize> = members
                .iter()
                .map(|m| owners.values().filter(|claim| claim.member == *m).count())
                .collect();
            let most = loads.iter().max().copied().unwrap_or(0);
            let least = loads.iter().min().copied().unwrap_or(0);
            assert!(most - least <= 1, "{loads:?}");
            assert_eq!(
                loads.iter().sum::<usize>(),
                if members.is_empty() { 0 } else { 7 }
            );
        }
    }
}
