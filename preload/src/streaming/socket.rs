//! Sockets, by system calls. All are non-blocking, closed by an exec, and raise no signal.
#![expect(unsafe_code, reason = "system calls")]

use core::ffi::c_int;
use core::mem::zeroed;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use crate::sandbox::syscall;
use crate::sys::{self, Descriptor, Errno, Result, checked};

const FLAGS: c_int = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
/// Clients that may wait to be accepted.
const BACKLOG: usize = 8;
/// Local addresses that are asked for.
const ADDRESSES_MAX: usize = 64;
/// Asks for the local addresses of version 4.
const SIOCGIFCONF: usize = 0x8912;

/// Whether more is still to be sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    More,
    Nothing,
}

/// A socket that listens at `address`. Port 0 lets the kernel choose.
pub(super) fn listen(address: SocketAddrV4) -> Result<Descriptor> {
    let socket = open(libc::SOCK_STREAM)?;
    let listens = set(socket, libc::SOL_SOCKET, libc::SO_REUSEADDR)
        .and_then(|()| bind(socket, address))
        .and_then(|()| listen_on(socket));
    closed_on_error(socket, listens)
}

/// The next client that waits.
pub(super) fn accept(listener: Descriptor) -> Result<Descriptor> {
    // SAFETY: nulls ask for no address.
    let client = unsafe { call(libc::SYS_accept4, [number(listener), 0, 0, FLAGS as usize, 0, 0]) };
    let client = Descriptor(client? as i32);
    // Without it all works, later.
    let _ = set(client, libc::IPPROTO_TCP, libc::TCP_NODELAY);
    Ok(client)
}

/// The port that a socket has.
pub(super) fn port(socket: Descriptor) -> Result<u16> {
    let mut address = raw(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
    let mut len = size_of_val(&address) as libc::socklen_t;
    let (place, place_len) = ((&raw mut address).addr(), (&raw mut len).addr());
    // SAFETY: both places are valid for the call, and the second holds the length of the first.
    unsafe { call(libc::SYS_getsockname, [number(socket), place, place_len, 0, 0, 0])? };
    Ok(u16::from_be(address.sin_port))
}

/// Sends as much as there is room for.
pub(super) fn send(socket: Descriptor, bytes: &[u8], follows: Follows) -> Result<usize> {
    let more = if follows == Follows::More { libc::MSG_MORE } else { 0 };
    let flags = (libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | more) as usize;
    // SAFETY: the kernel reads from `bytes` only.
    unsafe { call(libc::SYS_sendto, [number(socket), bytes.as_ptr().addr(), bytes.len(), flags, 0, 0]) }
}

/// Takes what has arrived; 0 bytes are the other side's end.
pub(super) fn receive(socket: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    let flags = libc::MSG_DONTWAIT as usize;
    // SAFETY: the kernel writes into `buffer` only.
    unsafe {
        let memory = buffer.as_mut_ptr().addr();
        call(libc::SYS_recvfrom, [number(socket), memory, buffer.len(), flags, 0, 0])
    }
}

/// Bytes that the other side has not confirmed yet.
pub(super) fn unacknowledged(socket: Descriptor) -> u32 {
    let mut count: c_int = 0;
    let place = (&raw mut count).addr();
    // SAFETY: this request writes one integer.
    let asked = unsafe { call(libc::SYS_ioctl, [number(socket), libc::TIOCOUTQ as usize, place, 0, 0, 0]) };
    asked.map_or(0, |_| count as u32)
}

/// Tells the other side that nothing more comes.
pub(super) fn end(socket: Descriptor) {
    shut(socket, libc::SHUT_WR);
}

/// Turns clients away from now on. Who waits for one comes back.
pub(super) fn stop_listening(listener: Descriptor) {
    shut(listener, libc::SHUT_RD);
}

fn shut(socket: Descriptor, how: c_int) {
    // It fails if the other side has gone, which shows by itself.
    // SAFETY: no address is among the arguments.
    let _ = unsafe { call(libc::SYS_shutdown, [number(socket), how as usize, 0, 0, 0, 0]) };
}

/// Waits until one of these sockets is ready, or `timeout` is over.
pub(super) fn poll(sockets: &mut [libc::pollfd], timeout: Duration) -> Result<()> {
    let timeout =
        libc::timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
    let (list, time) = (sockets.as_mut_ptr().addr(), (&raw const timeout).addr());
    // SAFETY: the list is as long as said; the kernel writes into it only. The null leaves the signal mask alone.
    match unsafe { call(libc::SYS_ppoll, [list, sockets.len(), time, 0, 0, 0]) } {
        // A debugger, say. Nothing was written.
        Err(Errno(libc::EINTR)) => Ok(()),
        polled => polled.map(drop),
    }
}

/// Sends a datagram from `interface` to `port` of every machine that hears it there.
pub(super) fn broadcast(interface: Ipv4Addr, port: u16, datagram: &[u8]) -> Result<()> {
    let socket = open(libc::SOCK_DGRAM)?;
    let to = raw(SocketAddrV4::new(Ipv4Addr::BROADCAST, port));
    let sent = set(socket, libc::SOL_SOCKET, libc::SO_BROADCAST)
        .and_then(|()| bind(socket, SocketAddrV4::new(interface, 0)))
        .and_then(|()| {
            let (bytes, address) = (datagram.as_ptr().addr(), (&raw const to).addr());
            // SAFETY: the kernel reads the datagram and the address, as long as they are.
            unsafe {
                call(libc::SYS_sendto, [number(socket), bytes, datagram.len(), 0, address, size_of_val(&to)])
            }
        });
    sys::close(socket);
    sent.map(drop)
}

/// Calls `visit` with each local address of version 4.
pub(super) fn for_each_address(mut visit: impl FnMut(Ipv4Addr)) {
    // SAFETY: all zeroes is a valid value of this plain structure.
    let mut interfaces: [libc::ifreq; ADDRESSES_MAX] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut request: libc::ifconf = unsafe { zeroed() };
    request.ifc_len = size_of_val(&interfaces) as c_int;
    request.ifc_ifcu.ifcu_req = interfaces.as_mut_ptr();
    let Ok(socket) = open(libc::SOCK_DGRAM) else { return };
    let place = (&raw mut request).addr();
    // SAFETY: the request says where the kernel may write, and how much.
    let asked = unsafe { call(libc::SYS_ioctl, [number(socket), SIOCGIFCONF, place, 0, 0, 0]) };
    sys::close(socket);
    let found = asked.map_or(0, |_| request.ifc_len as usize / size_of::<libc::ifreq>());
    for interface in interfaces.iter().take(found) {
        // SAFETY: the kernel has put an address here: of version 4, since the socket is.
        let bytes = unsafe { interface.ifr_ifru.ifru_addr.sa_data };
        let [_, _, a, b, c, d, ..] = bytes.map(|byte| byte as u8);
        visit(Ipv4Addr::new(a, b, c, d));
    }
}

fn open(kind: c_int) -> Result<Descriptor> {
    // SAFETY: no address is among the arguments.
    let socket =
        unsafe { call(libc::SYS_socket, [libc::AF_INET as usize, (kind | FLAGS) as usize, 0, 0, 0, 0]) };
    socket.map(|socket| Descriptor(socket as i32))
}

fn bind(socket: Descriptor, address: SocketAddrV4) -> Result<()> {
    let address = raw(address);
    let (place, len) = ((&raw const address).addr(), size_of_val(&address));
    // SAFETY: the kernel reads the address only.
    unsafe { call(libc::SYS_bind, [number(socket), place, len, 0, 0, 0]) }.map(drop)
}

fn listen_on(socket: Descriptor) -> Result<()> {
    // SAFETY: no address is among the arguments.
    unsafe { call(libc::SYS_listen, [number(socket), BACKLOG, 0, 0, 0, 0]) }.map(drop)
}

/// Turns an option on.
fn set(socket: Descriptor, level: c_int, option: c_int) -> Result<()> {
    let on: c_int = 1;
    let (place, len) = ((&raw const on).addr(), size_of_val(&on));
    // SAFETY: the kernel reads the value only.
    unsafe { call(libc::SYS_setsockopt, [number(socket), level as usize, option as usize, place, len, 0]) }
        .map(drop)
}

fn closed_on_error(socket: Descriptor, result: Result<()>) -> Result<Descriptor> {
    if result.is_err() {
        sys::close(socket);
    }
    result.map(|()| socket)
}

fn raw(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}

fn number(socket: Descriptor) -> usize {
    socket.0 as usize
}

/// # Safety
/// Every address among the arguments is that of a live value, as long as the call takes it to be.
unsafe fn call(number: libc::c_long, arguments: [usize; 6]) -> Result<usize> {
    // SAFETY: as the caller vouches.
    checked(unsafe { syscall(number, arguments) })
}
