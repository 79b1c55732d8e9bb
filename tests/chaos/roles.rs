//! All roles, several of each.

use crate::fleet::{Fleet, Process};

/// A process that is started again when it was ended.
struct Role {
    name: String,
    args: Vec<String>,
    process: Option<Process>,
}

impl Role {
    fn run(&mut self, fleet: &Fleet) {
        if self.process.is_none() {
            self.process = Some(fleet.start(&self.name, &self.args));
        }
    }
}

/// All processes.
pub(crate) struct Roles(Vec<Role>);

impl Roles {
    /// Two schedulers, three workers that detect, two that count, two recorders.
    pub(crate) fn start(fleet: &Fleet) -> Self {
        let mut roles = Vec::new();
        let mut add = |name: String, args: &[&str]| {
            let args = args.iter().map(|&arg| arg.to_owned()).collect();
            roles.push(Role { name, args, process: None });
        };
        for n in 0..2 {
            add(format!("scheduler-{n}"), &["scheduler", "--every", "300ms"]);
        }
        for n in 0..3 {
            add(format!("detect-{n}"), &["worker", "--lanes", "detect=1", "--drain", "2s"]);
        }
        for n in 0..2 {
            add(format!("count-{n}"), &["worker", "--lanes", "count=2,upkeep=1", "--drain", "2s"]);
        }
        for n in 0..2 {
            let spool = fleet.path(&format!("spool-{n}"));
            add(format!("recorder-{n}"), &["recorder", "--segment", "2", "--spool", spool.to_str().unwrap()]);
        }
        let mut roles = Self(roles);
        roles.all_run(fleet);
        roles
    }

    /// Starts what does not run.
    pub(crate) fn all_run(&mut self, fleet: &Fleet) {
        for role in &mut self.0 {
            role.run(fleet);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn name(&self, n: usize) -> &str {
        &self.0[n].name
    }

    pub(crate) fn kill(&mut self, n: usize) {
        if let Some(process) = self.0[n].process.take() {
            process.kill();
        }
    }

    /// Asks one to end, as for an upgrade.
    pub(crate) async fn restart(&mut self, n: usize, fleet: &Fleet) {
        if let Some(process) = self.0[n].process.take() {
            process.end().await;
        }
        self.0[n].run(fleet);
    }

    /// Stops one in the middle of whatever it does; or lets it go on, none the wiser.
    pub(crate) fn freeze(&self, n: usize, frozen: bool) {
        if let Some(process) = &self.0[n].process {
            process.freeze(frozen);
        }
    }

    pub(crate) async fn end_recorders(&mut self) -> bool {
        let (recorders, rest) = self.0.drain(..).partition(|role| role.name.starts_with("recorder"));
        self.0 = rest;
        Self(recorders).end().await
    }

    /// Ends all that run; returns whether all ended well.
    pub(crate) async fn end(self) -> bool {
        let mut well = true;
        for role in self.0 {
            if let Some(process) = role.process {
                well &= process.end().await;
            }
        }
        well
    }
}
