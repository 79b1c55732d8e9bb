//! A way to the server that is cut on command.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

#[derive(Default)]
struct State {
    /// Cut the connection that carries so many bytes next; 0: none.
    request: AtomicUsize,
    answer: AtomicUsize,
    all: AtomicBool,
    cuts: AtomicUsize,
}

pub(super) struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// A proxy before the server at `port`; ends with the process.
    pub(super) fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = Arc::clone(&proxy.state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if state.all.load(SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                carry(&client, &server, &state, |state| &state.request);
                carry(&server, &client, &state, |state| &state.answer);
            }
        });
        proxy
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Cuts one connection after so many bytes of requests, or of answers.
    pub(super) fn cut_next(&self, request: usize, answer: usize) {
        self.state.request.store(request, SeqCst);
        self.state.answer.store(answer, SeqCst);
    }

    /// Cuts every connection from now on.
    pub(super) fn cut_all(&self) {
        self.state.all.store(true, SeqCst);
    }

    /// Connections that were cut after so many bytes.
    pub(super) fn cuts(&self) -> usize {
        self.state.cuts.load(SeqCst)
    }
}

fn carry(from: &TcpStream, to: &TcpStream, state: &Arc<State>, limit: fn(&State) -> &AtomicUsize) {
    let (mut from, mut to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(state));
    thread::spawn(move || {
        let (mut carried, mut buffer) = (0, vec![0; 16_384]);
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            carried += read;
            let most = limit(&state).load(SeqCst);
            let cut = most > 0 && carried > most && limit(&state).swap(0, SeqCst) > 0;
            if cut {
                state.cuts.fetch_add(1, SeqCst);
            }
            if cut || state.all.load(SeqCst) || to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
