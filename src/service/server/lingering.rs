//! The end of a connection whose client may still be sending. When a socket is closed with unread bytes
//! in it, the kernel resets the connection, and an answer that is on its way is lost with it. So after
//! a refusal that came before the end of the body, this side sends its end first, and reads on for
//! a while: what comes is thrown away.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// So long, and so much: twice the largest body that any route takes.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Whether the client may still be sending a body that nobody reads.
#[derive(Clone, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(super) fn set(&self, is_unread: bool) {
        self.0.store(is_unread, Ordering::Relaxed);
    }
}

/// See the module.
pub(super) struct Lingering {
    stream: TcpStream,
    unread: Unread,
    /// From the end of this side on.
    end: Option<Pin<Box<Sleep>>>,
    left: usize,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream, unread: Unread) -> Self {
        Self { stream, unread, end: None, left: MAX_BYTES }
    }

    /// Whether bytes wait, as after a head that is no head.
    fn has_more(&self) -> bool {
        self.stream.try_read(&mut [0]).is_ok_and(|read| read > 0)
    }

    /// Until the client has sent its end, or enough.
    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut thrown_away = [MaybeUninit::uninit(); 16 * 1024];
        loop {
            if self.end.as_mut().is_none_or(|end| end.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::uninit(&mut thrown_away);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 || count > self.left {
                return Poll::Ready(());
            }
            self.left -= count;
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if !self.unread.0.load(Ordering::Relaxed) && !self.has_more() {
                return Poll::Ready(Ok(()));
            }
            self.end = Some(Box::pin(sleep(PATIENCE)));
        }
        self.poll_drained(cx).map(Ok)
    }
}
