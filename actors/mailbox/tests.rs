//! The mailbox on real actors, on a paused clock.

use ractor::{Actor, ActorProcessingErr};
use tokio::sync::{Notify, mpsc};

use super::*;

enum TellerMessage {
    Note(u32),
    GetEcho { value: u32, reply: RpcReplyPort<u32> },
    GetNothing { reply: RpcReplyPort<u32> },
    Crash,
}

/// Handles one message per turn of the gate and tells what it saw.
struct Teller {
    gate: Arc<Notify>,
    seen: mpsc::Sender<u32>,
}

impl Actor for Teller {
    type Msg = Mail<TellerMessage>;
    type State = Vec<RpcReplyPort<u32>>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        Ok(Vec::new())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        mail: Self::Msg,
        kept: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        self.gate.notified().await;
        for (message, _permit) in mail.open() {
            match message {
                TellerMessage::Note(value) => self.seen.send(value).await?,
                TellerMessage::GetEcho { value, reply } => reply.send(value)?,
                TellerMessage::GetNothing { reply } => kept.push(reply),
                TellerMessage::Crash => return Err("asked to crash".into()),
            }
        }
        Ok(())
    }
}

struct Rig {
    mailbox: Mailbox<TellerMessage>,
    gate: Arc<Notify>,
    seen: mpsc::Receiver<u32>,
    actor: ActorRef<Mail<TellerMessage>>,
}

const BOUNDS: MailboxBounds = MailboxBounds { data: 3, control: 2 };
const DEADLINE: Duration = Duration::from_secs(1);

async fn rig() -> Rig {
    let gate = Arc::new(Notify::new());
    let (tx, seen) = mpsc::channel(64);
    let teller = Teller {
        gate: Arc::clone(&gate),
        seen: tx,
    };
    let (actor, _) = Actor::spawn(None, teller, ()).await.expect("the teller starts");
    Rig {
        mailbox: Mailbox::new(actor.clone(), BOUNDS),
        gate,
        seen,
        actor,
    }
}

/// Opens the gate for as many turns as there is mail.
async fn turns(rig: &Rig, count: usize) {
    for _ in 0..count {
        rig.gate.notify_one();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_data_lane_is_busy_and_drains() {
    let mut rig = rig().await;
    for value in 0..3 {
        assert_eq!(rig.mailbox.try_send(TellerMessage::Note(value)), Ok(()));
    }
    assert_eq!(rig.mailbox.try_send(TellerMessage::Note(9)), Err(MailError::Busy));
    assert_eq!(rig.mailbox.backlog(), 3);
    turns(&rig, 1).await;
    assert_eq!(rig.seen.recv().await, Some(0));
    assert_eq!(
        rig.mailbox.backlog(),
        2,
        "the handled message gave its permit back"
    );
    assert_eq!(rig.mailbox.try_send(TellerMessage::Note(3)), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn control_overtakes_waiting_data_and_has_its_own_bound() {
    let mut rig = rig().await;
    for value in 0..3 {
        rig.mailbox
            .try_send(TellerMessage::Note(value))
            .expect("there is room");
    }
    // The full data lane does not touch the control lane.
    rig.mailbox
        .send_control(TellerMessage::Note(100))
        .expect("there is room");
    rig.mailbox
        .send_control(TellerMessage::Note(101))
        .expect("there is room");
    assert_eq!(
        rig.mailbox.send_control(TellerMessage::Note(102)),
        Err(MailError::Busy)
    );
    turns(&rig, 5).await;
    let mut seen = Vec::new();
    while let Ok(value) = rig.seen.try_recv() {
        seen.push(value);
    }
    assert_eq!(seen, [100, 101, 0, 1, 2]);
    assert_eq!(rig.mailbox.send_control(TellerMessage::Note(103)), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_call_answers_or_times_out() {
    let rig = rig().await;
    rig.gate.notify_one();
    let echo = |reply| TellerMessage::GetEcho { value: 7, reply };
    assert_eq!(rig.mailbox.call(echo, DEADLINE).await, Ok(7));
    rig.gate.notify_one();
    assert_eq!(rig.mailbox.call_control(echo, DEADLINE).await, Ok(7));
    // A live actor which keeps the reply port would hold the caller for ever without a deadline.
    rig.gate.notify_one();
    let kept = rig
        .mailbox
        .call(|reply| TellerMessage::GetNothing { reply }, DEADLINE)
        .await;
    assert_eq!(kept, Err(MailError::TimedOut));
    assert_eq!(rig.mailbox.backlog(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_crash_frees_all_permits_and_closes_all_calls() {
    let rig = rig().await;
    let clone = rig.mailbox.clone();
    rig.mailbox
        .send_control(TellerMessage::Crash)
        .expect("there is room");
    rig.mailbox
        .try_send(TellerMessage::Note(1))
        .expect("there is room");
    let (data, control) = tokio::join!(
        clone.call(|reply| TellerMessage::GetEcho { value: 1, reply }, DEADLINE),
        async {
            let call = clone.call_control(|reply| TellerMessage::GetEcho { value: 1, reply }, DEADLINE);
            rig.gate.notify_one();
            call.await
        },
    );
    assert_eq!(data, Err(MailError::Closed));
    assert_eq!(control, Err(MailError::Closed));
    rig.actor.wait(None).await.expect("no timeout was given");
    assert_eq!(rig.mailbox.backlog(), 0);
    assert_eq!(rig.mailbox.lanes.control.available_permits(), BOUNDS.control);
    assert_eq!(
        rig.mailbox.try_send(TellerMessage::Note(2)),
        Err(MailError::Closed)
    );
    assert_eq!(
        rig.mailbox.send_control(TellerMessage::Note(2)),
        Err(MailError::Closed)
    );
    assert_eq!(rig.mailbox.lanes.control.available_permits(), BOUNDS.control);
}

#[tokio::test(start_paused = true)]
async fn a_kill_in_the_middle_of_a_message_frees_its_permit() {
    let rig = rig().await;
    rig.mailbox
        .try_send(TellerMessage::Note(1))
        .expect("there is room");
    rig.mailbox
        .send_control(TellerMessage::Note(2))
        .expect("there is room");
    tokio::time::sleep(Duration::from_millis(1)).await;
    rig.actor.kill();
    rig.actor.wait(None).await.expect("no timeout was given");
    assert_eq!(rig.mailbox.backlog(), 0);
    assert_eq!(rig.mailbox.lanes.control.available_permits(), BOUNDS.control);
}

#[tokio::test(start_paused = true)]
async fn own_mail_needs_no_permit() {
    let mut rig = rig().await;
    for value in 0..10 {
        rig.actor
            .send_message(Mail::own(TellerMessage::Note(value)))
            .expect("the teller is alive");
    }
    assert_eq!(rig.mailbox.backlog(), 0);
    turns(&rig, 1).await;
    assert_eq!(rig.seen.recv().await, Some(0));
}
