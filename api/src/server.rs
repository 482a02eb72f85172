//! Binding the address, and starting to serve.

use crate::options::ApiOptions;
use crate::routes::routes;
use crate::state::{Api, State};
use actix_web::dev::Server;
use actix_web::{App, HttpServer};
use bytehound_actors::Service;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// How long requests may take to end once the server is told to stop; event streams end only then.
const SHUTDOWN_SECONDS: u64 = 3;

/// Binds the interface and port of `options`; gives the server, which runs while it is awaited, and its address.
///
/// Who may come over a network must show a token. Signals are left to the caller, who ends the server by its handle.
/// Must be called inside a running actix system. An address that is taken is [`io::ErrorKind::AddrInUse`].
pub fn server(service: Service, options: ApiOptions) -> io::Result<(Server, SocketAddr)> {
    let listener = TcpListener::bind((options.interface.as_str(), options.port))?;
    let address = listener.local_addr()?;
    let api = Api::new(State::new(service, options, !address.ip().is_loopback()));
    let server = HttpServer::new(move || App::new().app_data(api.clone()).configure(routes))
        .listen(listener)?
        // Who hangs up waits for nothing: what was asked is given up.
        .h1_allow_half_closed(false)
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .run();
    Ok((server, address))
}
