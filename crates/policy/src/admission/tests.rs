use proptest::prelude::*;

use super::*;

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn admission(total: u32, queue: u32) -> Admission {
    Admission::new(AdmissionConfig {
        total,
        queue,
        ..AdmissionConfig::default()
    })
    .unwrap()
}

fn slot(answer: Result<Answer, Rejected>) -> Slot {
    match answer {
        Ok(Answer::Admitted(slot)) => slot,
        other => panic!("{other:?}"),
    }
}

fn ticket(answer: Result<Answer, Rejected>) -> Ticket {
    match answer {
        Ok(Answer::Queued(ticket)) => ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn shares_become_whole_slots() {
    let admission = admission(50, 0);
    // 35, 12.5 and 2.5: the odd slot goes to the first of equal remainders.
    assert_eq!(Class::ALL.map(|class| admission.guaranteed(class)), [35, 13, 2]);
    assert_eq!(apportion(10, [0.7, 0.25, 0.05]), [7, 3, 0]);
    assert_eq!(apportion(1, [0.7, 0.25, 0.05]), [1, 0, 0]);
}

#[test]
fn an_idle_share_is_lent_and_comes_back_with_the_next_release() {
    let mut admission = admission(10, 5);
    let mut lent: Vec<Slot> = (0..10)
        .map(|_| slot(admission.acquire(at(0), Class::Optional)))
        .collect();
    // Critical owns 7 of these. It waits at the head, before others that asked earlier.
    let optional = ticket(admission.acquire(at(1), Class::Optional));
    let critical = ticket(admission.acquire(at(2), Class::Critical));
    admission.release(at(10), lent.pop().unwrap());
    let Claim::Admitted(granted) = admission.claim(at(10), critical) else {
        panic!("not admitted")
    };
    assert!(matches!(admission.claim(at(10), optional), Claim::Waiting(_)));
    assert_eq!(admission.in_use(Class::Critical), 1);
    admission.release(at(11), granted);
    assert_eq!(
        admission.in_use(Class::Optional),
        10,
        "the slot went to the optional one that waited"
    );
}

#[test]
fn a_request_is_refused_after_its_wait_or_with_a_full_queue() {
    let mut admission = admission(1, 1);
    let held = slot(admission.acquire(at(0), Class::Critical));
    let waiting = ticket(admission.acquire(at(0), Class::Optional));
    let refused = admission.acquire(at(1), Class::Important).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "all slots are taken and the queue is full; worth another try in 2s"
    );
    // Optional waits one second at most.
    assert_eq!(
        admission.claim(at(1000), waiting),
        Claim::Rejected(Rejected {
            reason: Refusal::Patience,
            retry_after: Duration::from_secs(1)
        })
    );
    let again = ticket(admission.acquire(at(1001), Class::Critical));
    admission.release(at(1500), held);
    assert!(matches!(admission.claim(at(1500), again), Claim::Admitted(_)));
}

#[test]
fn a_flood_of_low_priority_requests_leaves_room_in_the_queue() {
    let mut admission = admission(10, 10);
    let mut held: Vec<Slot> = (0..10)
        .map(|_| slot(admission.acquire(at(0), Class::Optional)))
        .collect();
    let mut flood: Vec<Ticket> = (0..10)
        .map(|_| ticket(admission.acquire(at(1), Class::Optional)))
        .collect();
    assert!(admission.acquire(at(2), Class::Optional).is_err());
    // 7, 3 and 0 of the 10 places: critical and important take theirs from the latest ones.
    let first = ticket(admission.acquire(at(3), Class::Critical));
    let _others: Vec<Ticket> = [Class::Critical; 6]
        .into_iter()
        .chain([Class::Important; 3])
        .map(|class| ticket(admission.acquire(at(3), class)))
        .collect();
    let full = admission.acquire(at(3), Class::Critical).unwrap_err();
    assert_eq!(full.reason, Refusal::QueueFull);
    let Claim::Rejected(rejected) = admission.claim(at(4), flood.pop().unwrap()) else {
        panic!("it has its place still")
    };
    assert_eq!(rejected.reason, Refusal::Displaced);
    admission.release(at(5), held.pop().unwrap());
    assert!(matches!(admission.claim(at(5), first), Claim::Admitted(_)));
}

#[test]
fn an_emergency_removes_slots_when_they_are_released_and_its_end_returns_them() {
    let mut admission = admission(10, 5);
    let mut held: Vec<Slot> = (0..10)
        .map(|_| slot(admission.acquire(at(0), Class::Critical)))
        .collect();
    assert_eq!(admission.resize(at(1), 4), 4);
    // 2.8, 1 and 0.2 slots of four.
    assert_eq!(Class::ALL.map(|class| admission.guaranteed(class)), [3, 1, 0]);
    let waits = ticket(admission.acquire(at(1), Class::Important));
    for _ in 0..6 {
        admission.release(at(2), held.pop().unwrap());
    }
    let Claim::Waiting(waits) = admission.claim(at(2), waits) else {
        panic!("four are still in")
    };
    admission.release(at(3), held.pop().unwrap());
    assert!(matches!(admission.claim(at(3), waits), Claim::Admitted(_)));
    let next = ticket(admission.acquire(at(4), Class::Optional));
    assert_eq!(admission.resize(at(4), 99), 10);
    assert!(matches!(admission.claim(at(4), next), Claim::Admitted(_)));
    assert_eq!(admission.resize(at(5), 0), 1);
}

#[test]
fn waiting_requests_are_called_when_their_result_is_known() {
    let mut admission = admission(1, 2);
    let held = slot(admission.acquire(at(0), Class::Critical));
    // One place in the queue is critical's and one important's; optional borrows both.
    let lent = [0, 1].map(|millis| ticket(admission.acquire(at(millis), Class::Optional)));
    assert_eq!(admission.next_called(), None);
    let critical = ticket(admission.acquire(at(2), Class::Critical));
    assert_eq!(admission.next_called(), Some(lent[1].id()), "it lost its place");
    admission.release(at(3), held);
    assert_eq!(admission.next_called(), Some(critical.id()), "it has a slot");
    assert_eq!(admission.next_called(), None);
    // Its deadline is at one second, that of the slot's at 5 s.
    assert_eq!(lent[0].until(), at(1000));
    assert!(matches!(admission.claim(at(1000), critical), Claim::Admitted(_)));
    assert_eq!(admission.next_called(), Some(lent[0].id()), "it waited too long");
}

#[test]
fn reserved_slots_take_no_place_in_the_queue() {
    let mut admission = admission(1, 1);
    let held = slot(admission.acquire(at(0), Class::Critical));
    let first = ticket(admission.acquire(at(0), Class::Critical));
    admission.release(at(1), held);
    // The first has a slot that it has not claimed yet; another may wait.
    let second = ticket(admission.acquire(at(2), Class::Critical));
    let Claim::Admitted(slot) = admission.claim(at(3), first) else {
        panic!("not admitted")
    };
    admission.release(at(4), slot);
    assert!(matches!(admission.claim(at(4), second), Claim::Admitted(_)));
}

#[test]
fn a_retry_makes_sense_when_waiting_requests_have_been_served_or_have_left() {
    let mut admission = admission(2, 1);
    let mut held: Vec<Slot> = (0..2)
        .map(|_| slot(admission.acquire(at(0), Class::Critical)))
        .collect();
    for millis in [100, 300] {
        admission.release(at(millis), held.pop().unwrap());
        held.insert(0, slot(admission.acquire(at(millis), Class::Critical)));
    }
    let _waiting = ticket(admission.acquire(at(300), Class::Critical));
    // 200 ms between the releases; one waits, so 400 ms.
    let retry_after = |admission: &mut Admission, millis, class| {
        admission.acquire(at(millis), class).unwrap_err().retry_after
    };
    assert_eq!(
        retry_after(&mut admission, 301, Class::Optional),
        Duration::from_millis(400)
    );
    // After a quiet hour the mean is 0.9 × 0.2 + 0.1 × 3600 s: optional would not wait longer than 1 s, though.
    admission.release(at(3_600_300), held.pop().unwrap());
    let _full: Vec<_> = (0..2)
        .map(|_| admission.acquire(at(3_600_301), Class::Critical))
        .collect();
    assert_eq!(
        retry_after(&mut admission, 3_600_301, Class::Optional),
        Duration::from_secs(1)
    );
}

#[test]
fn a_reserved_slot_that_nobody_claims_goes_to_the_next_request() {
    let mut admission = admission(1, 2);
    let held = slot(admission.acquire(at(0), Class::Critical));
    let _absent = ticket(admission.acquire(at(0), Class::Optional));
    let patient = ticket(admission.acquire(at(500), Class::Critical));
    admission.release(at(600), held);
    // It goes to critical, which is below its share of one slot.
    let Claim::Admitted(slot) = admission.claim(at(600), patient) else {
        panic!("not admitted")
    };
    admission.release(at(700), slot);
    // Now it is kept for the one that went away, until its second is over.
    assert_eq!(admission.in_use(Class::Optional), 1);
    assert!(matches!(
        admission.acquire(at(1001), Class::Important),
        Ok(Answer::Admitted(_))
    ));
}

#[test]
fn a_dropped_guard_returns_its_slot() {
    let shared = SharedAdmission::from(admission(2, 0));
    let guards: Vec<Guard> = (0..2)
        .map(|_| shared.guard(slot(shared.with(|a| a.acquire(at(0), Class::Critical)))))
        .collect();
    assert!(shared.with(|a| a.acquire(at(0), Class::Critical)).is_err());
    drop(guards);
    assert_eq!(shared.with(|a| a.in_use(Class::Critical)), 0);
}

#[test]
fn an_invalid_configuration_is_refused() {
    let with = |total, shares| {
        Admission::new(AdmissionConfig {
            total,
            shares,
            ..AdmissionConfig::default()
        })
        .map(|_| ())
    };
    assert_eq!(with(0, [1.0, 0.0, 0.0]), Err(AdmissionError::Total));
    assert!(matches!(with(1, [0.9, 0.0, 0.0]), Err(AdmissionError::Shares(_))));
    assert!(matches!(
        with(1, [f64::NAN, 0.5, 0.5]),
        Err(AdmissionError::Shares(_))
    ));
    // A slot of another admission changes nothing.
    let (mut one, mut other) = (admission(1, 0), admission(1, 0));
    let foreign = slot(one.acquire(at(0), Class::Critical));
    slot(other.acquire(at(0), Class::Critical));
    other.release(at(1), foreign);
    assert_eq!(other.in_use(Class::Critical), 1);
}

#[test]
fn a_token_of_a_dropped_admission_does_not_change_its_successor() {
    // The successor may have the same address as the other had.
    for _ in 0..100 {
        let mut gone = admission(1, 1);
        let old = slot(gone.acquire(at(0), Class::Critical));
        let Ok(Answer::Queued(ticket)) = gone.acquire(at(0), Class::Critical) else {
            panic!("not queued");
        };
        drop(gone);
        let mut next = admission(1, 1);
        next.release(at(1), old);
        assert_eq!(next.in_use(Class::Critical), 0);
        assert!(matches!(
            next.claim(at(1), ticket),
            Claim::Rejected(Rejected {
                reason: Refusal::NoTicket,
                ..
            })
        ));
    }
}

#[test]
fn a_size_above_the_allocated_memory_is_refused() {
    let of = |total, queue| {
        Admission::new(AdmissionConfig {
            total,
            queue,
            ..AdmissionConfig::default()
        })
        .map(|_| ())
    };
    assert_eq!(of(u32::MAX, u32::MAX), Err(AdmissionError::Size));
    assert_eq!(of(AdmissionConfig::MOST_PLACES, 1), Err(AdmissionError::Size));
}

#[test]
fn shares_of_few_slots_are_whole_and_none_is_left_over() {
    // 70, 25 and 5 % of 1 to 10 by the largest remainders.
    let wanted = [
        [1, 0, 0],
        [1, 1, 0],
        [2, 1, 0],
        [3, 1, 0],
        [4, 1, 0],
        [4, 2, 0],
        [5, 2, 0],
        [6, 2, 0],
        [6, 2, 1],
        [7, 3, 0],
    ];
    for (total, wanted) in (1_u32..).zip(wanted) {
        let admission = admission(total, 0);
        let got = Class::ALL.map(|class| admission.guaranteed(class));
        assert_eq!(got, wanted, "of {total}");
    }
}

proptest! {
    #[test]
    fn the_total_holds_and_no_slot_is_lost(
        total in 1_u32..12,
        queue in 0_u32..8,
        steps in prop::collection::vec((0_u64..400, 0_u8..7, 0_usize..3, any::<prop::sample::Index>()), 1..200),
    ) {
        let mut admission = admission(total, queue);
        let (mut slots, mut tickets) = (Vec::new(), Vec::new());
        let (mut now, mut size, mut most) = (0, total, total);
        for (wait, what, class, which) in steps {
            now += wait;
            match what {
                0..=2 => match admission.acquire(at(now), Class::ALL[class]) {
                    Ok(Answer::Admitted(slot)) => slots.push(slot),
                    Ok(Answer::Queued(ticket)) => tickets.push(ticket),
                    Err(_) => {}
                },
                3 if !slots.is_empty() => {
                    // Time passes first, so that no deadline ends with the release.
                    admission.catch_up(at(now));
                    let slot = slots.swap_remove(which.index(slots.len()));
                    let full: u32 = Class::ALL.iter().map(|class| admission.in_use(*class)).sum();
                    let owner = Class::ALL.into_iter().find(|class| {
                        admission.waiting(*class) > 0 && admission.in_use(*class) < admission.guaranteed(*class)
                    });
                    let own = slot.class;
                    // If slots were removed, a released one may be lost.
                    let before = owner.filter(|_| full <= size).map(|class| (class, admission.waiting(class)));
                    admission.release(at(now), slot);
                    if let Some((class, waiting)) = before {
                        // The most important class that waits below its share gets the next released slot,
                        // unless a more important one releases its own and waits for it.
                        let own_back = own < class;
                        prop_assert!(own_back || admission.waiting(class) == waiting - 1);
                    }
                }
                4 if !tickets.is_empty() => match admission.claim(at(now), tickets.swap_remove(which.index(tickets.len()))) {
                    Claim::Admitted(slot) => slots.push(slot),
                    Claim::Waiting(ticket) => tickets.push(ticket),
                    Claim::Rejected(_) => {}
                },
                // A caller that goes away without cancelling, or after it.
                5 if !tickets.is_empty() => {
                    let ticket = tickets.swap_remove(which.index(tickets.len()));
                    if now % 2 == 0 {
                        admission.cancel(at(now), ticket);
                    }
                }
                6 => size = admission.resize(at(now), 1 + which.index(total as usize) as u32),
                _ => {}
            }
            let in_use: u32 = Class::ALL.iter().map(|class| admission.in_use(*class)).sum();
            // If slots were removed, the number in use only falls.
            prop_assert!(in_use <= most.max(size) && in_use >= slots.len() as u32);
            most = in_use.max(size);
            let waiting: usize = Class::ALL.iter().map(|class| admission.waiting(*class)).sum();
            prop_assert!(waiting <= queue as usize);
            // No request waits while a slot is free.
            prop_assert!(waiting == 0 || in_use >= size);
        }
        admission.resize(at(now), total);
        for slot in slots {
            admission.release(at(now), slot);
        }
        // When every deadline is over, every slot is free again.
        let end = at(now + 10_000);
        let all = (0..total).filter(|_| matches!(admission.acquire(end, Class::Critical), Ok(Answer::Admitted(_)))).count();
        prop_assert_eq!(all as u32, total);
    }
}
