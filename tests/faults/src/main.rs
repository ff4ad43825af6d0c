//! The victim: some of three services in one process. The front takes clients' requests and passes them on over the mesh; the
//! writer keeps entries, announces each, and has a job that one instance leads; the listener applies each announcement.

mod victim;

#[tokio::main]
async fn main() {
    victim::process::run().await;
}
