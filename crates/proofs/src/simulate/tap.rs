//! Taps: every service reaches PostgreSQL and the gateway through one, which passes all bytes on as
//! they are and springs the traps at the moments that it sees go by.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::{Mutex, broadcast};

use crate::simulate::behind::Behind;
use crate::simulate::moment::{Moment, Watch};
use crate::simulate::trap::{Fault, Injected, Traps};

/// Nothing of ours is longer; a length beyond it is a stream that was misread.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// The statement by which a process takes the lock that says that it is alive.
const TAKES_LOCK: &[u8] = b"pg_advisory_lock_shared";
const STALL_POLL: Duration = Duration::from_millis(10);

/// One replica's side of the taps.
#[derive(Clone)]
pub struct Side {
    /// Which replica.
    pub replica: usize,
    /// What may happen to it.
    pub traps: Arc<Traps>,
    /// While true nothing goes through to PostgreSQL, and all connections of the pool are used up.
    pub stalled: Arc<AtomicBool>,
    /// How far PostgreSQL's clock is behind that of the replica's machine.
    pub behind: Duration,
}

impl Side {
    fn pass(&self, moment: Option<Moment>) -> io::Result<()> {
        match moment {
            Some(moment) if self.traps.pass(self.replica, moment) => {
                Err(io::Error::other("cut on purpose"))
            }
            _ => Ok(()),
        }
    }

    async fn while_stalled(&self) {
        while self.stalled.load(Ordering::SeqCst) {
            tokio::time::sleep(STALL_POLL).await;
        }
    }
}

/// Listens for a replica's connections to the PostgreSQL behind `socket`. Returns the port.
pub async fn postgres(side: Side, socket: PathBuf) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((service, _)) = listener.accept().await {
            let (side, socket) = (side.clone(), socket.clone());
            tokio::spawn(async move {
                if let Ok(server) = UnixStream::connect(socket).await {
                    drop(service.set_nodelay(true));
                    follow_postgres(side, service, server).await;
                }
            });
        }
    });
    Ok(port)
}

async fn follow_postgres(side: Side, service: TcpStream, server: UnixStream) {
    let watch = Mutex::new(Watch::default());
    let behind = Mutex::new(Behind::new(side.behind));
    let holds_lock = AtomicBool::new(false);
    let (mut from_service, mut to_service) = service.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = async {
        // The first message has no type: length and parameters.
        let start = read_body(&mut from_service, 0).await?;
        to_server.write_all(&start).await?;
        loop {
            let (kind, message) = read_message(&mut from_service).await?;
            side.while_stalled().await;
            let moment = watch.lock().await.asked(kind, &message[5..]);
            behind.lock().await.asked(kind, &message[5..]);
            if kind == b'P' && contains(&message, TAKES_LOCK) {
                holds_lock.store(true, Ordering::SeqCst);
            }
            to_server.write_all(&message).await?;
            side.pass(moment)?;
        }
    };
    let answering = async {
        loop {
            let (kind, mut message) = read_message(&mut from_server).await?;
            side.while_stalled().await;
            behind.lock().await.answered(kind, &mut message[5..]);
            let moment = watch.lock().await.answered(kind, &message[5..]);
            side.pass(moment)?;
            to_service.write_all(&message).await?;
        }
    };
    // Whichever side ends first ends both.
    let faults = side.traps.lock_faults(side.replica);
    let _: io::Result<()> = tokio::select! {
        ended = asking => ended,
        ended = answering => ended,
        fault = lost_lock(faults, &holds_lock) => {
            let replica = side.replica;
            side.traps.report(Injected { replica, fault, moment: None, pid: None });
            if let Fault::LockSilent(time) = fault {
                // Both sides stay open, and nothing goes through.
                tokio::time::sleep(time).await;
            }
            Ok(())
        }
    };
}

/// Waits for a fault of the connection that holds the lock, on that connection.
async fn lost_lock(mut faults: Receiver<Fault>, holds_lock: &AtomicBool) -> Fault {
    loop {
        match faults.recv().await {
            Ok(fault) if holds_lock.load(Ordering::SeqCst) => return fault,
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn contains(message: &[u8], text: &[u8]) -> bool {
    message.windows(text.len()).any(|part| part == text)
}

/// A message with its type and length in front.
async fn read_message(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let kind = from.read_u8().await?;
    let mut message = read_body(from, 1).await?;
    message[0] = kind;
    Ok((kind, message))
}

/// Length and body of a message, with `room` bytes left free in front.
async fn read_body(from: &mut (impl AsyncRead + Unpin), room: usize) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if !(4..=MAX_MESSAGE_BYTES).contains(&size) {
        return Err(io::Error::other("no message of PostgreSQL"));
    }
    let mut message = vec![0; room + size];
    message[room..room + 4].copy_from_slice(&length.to_be_bytes());
    from.read_exact(&mut message[room + 4..]).await?;
    Ok(message)
}

/// Listens for a replica's calls to the gateway at `port`. Returns the port it listens on.
pub async fn gateway(side: Side, port: u16) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let own = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((service, _)) = listener.accept().await {
            let side = side.clone();
            tokio::spawn(async move {
                if let Ok(gateway) = TcpStream::connect(("127.0.0.1", port)).await {
                    drop(service.set_nodelay(true));
                    drop(gateway.set_nodelay(true));
                    follow_gateway(side, service, gateway).await;
                }
            });
        }
    });
    Ok(own)
}

async fn follow_gateway(side: Side, service: TcpStream, gateway: TcpStream) {
    let (from_service, to_service) = service.into_split();
    let (from_gateway, to_gateway) = gateway.into_split();
    let in_call = AtomicBool::new(false);
    let asked = |bytes: &[u8]| {
        let call = bytes.starts_with(b"POST /sandbox/pay/process ");
        if call {
            in_call.store(true, Ordering::SeqCst);
            return Some(Moment::CallSent);
        }
        bytes.starts_with(b"POST /sandbox/pay/ready ").then_some(Moment::ReadySent)
    };
    let answered = |_: &[u8]| in_call.swap(false, Ordering::SeqCst).then_some(Moment::CallAnswered);
    // A half that was closed is closed on the other side too, and the other half goes on.
    let sent = async {
        let mut to = to_gateway;
        copy(from_service, &mut to, |bytes| (asked(bytes), false), &side).await?;
        to.shutdown().await
    };
    let received = async {
        let mut to = to_service;
        copy(from_gateway, &mut to, |bytes| (answered(bytes), true), &side).await?;
        Err::<(), _>(io::Error::other("the gateway closed"))
    };
    drop(tokio::try_join!(sent, received));
}

/// Passes bytes on; `look` says which moment they are and whether it is before they go through.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
    look: impl Fn(&[u8]) -> (Option<Moment>, bool),
    side: &Side,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let (moment, before) = look(&buffer[..count]);
        if before {
            side.pass(moment)?;
        }
        to.write_all(&buffer[..count]).await?;
        if !before {
            side.pass(moment)?;
        }
    }
}
