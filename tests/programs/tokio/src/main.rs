//! An asynchronous program that counts what it allocates: clients that talk to an echo server over loopback, timers,
//! channels, blocking work and tasks that panic, on several threads.

mod counting;

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

const CLIENTS: usize = 40;
const MESSAGES: usize = 50;

fn main() -> std::io::Result<()> {
    // What a task says when it panics is not this program's output.
    std::panic::set_hook(Box::new(|_| ()));
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let (answers, caught) = runtime.block_on(work())?;
    drop(runtime);
    counting::say(&format!("answers={answers} caught={caught}"))
}

/// Gives the answers that the clients got, and the panics that were caught.
async fn work() -> std::io::Result<(usize, usize)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener));
    let (sender, mut receiver) = mpsc::channel(16);
    for client in 0..CLIENTS {
        let sender = sender.clone();
        tokio::spawn(async move {
            let answers = talk(TcpStream::connect(address).await?, client).await?;
            // Without a receiver there is nobody left to hear it.
            std::io::Result::Ok(sender.send(answers).await.is_ok())
        });
    }
    drop(sender);
    let mut answers = 0;
    while let Some(of_a_client) = receiver.recv().await {
        answers += of_a_client;
    }
    Ok((answers, catch_panics().await))
}

async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn talk(mut stream: TcpStream, client: usize) -> std::io::Result<usize> {
    let mut right = 0;
    for message in 0..MESSAGES {
        let text = format!("client {client} says {}", "x".repeat(message * 10));
        stream.write_all(text.as_bytes()).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await?;
        right += usize::from(answer == text.as_bytes());
        if message % 10 == 0 {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    }
    let length = tokio::task::spawn_blocking(move || "y".repeat(client + 1).len()).await;
    Ok(right + length.map_or(0, |length| usize::from(length == client + 1)))
}

async fn catch_panics() -> usize {
    let tasks: Vec<_> = (0..50_usize).map(|number| tokio::spawn(fails(number, vec![number; 100]))).collect();
    let mut caught = 0;
    for task in tasks {
        caught += usize::from(task.await.is_err_and(|error| error.is_panic()));
    }
    caught
}

/// Panics unless the number is even, while it holds memory.
async fn fails(number: usize, held: Vec<usize>) -> usize {
    tokio::task::yield_now().await;
    assert!(number.is_multiple_of(2), "as it should be: {}", held.len());
    held.len()
}
