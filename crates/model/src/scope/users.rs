//! The deployments that use each file. A finding is about those of one environment, and a chart that a hundred releases
//! install in a hundred environments has ten thousand: they are found without a look at the others.

use super::{Deployment, DeploymentId};
use cofferdam_syntax::FileId;
use std::collections::BTreeMap;

/// The deployments that use each file.
#[derive(Debug, Clone, Default)]
pub struct Users {
    /// Those of no named environment first, then in the order of the environments.
    by_file: BTreeMap<FileId, Vec<DeploymentId>>,
}

impl Users {
    /// From what uses what, in any order and more than once.
    pub fn new(mut pairs: Vec<(FileId, DeploymentId)>, deployments: &[Deployment]) -> Users {
        let mut order: Vec<usize> = (0..deployments.len()).collect();
        order.sort_by_key(|at| &deployments[*at].environment);
        let mut rank = vec![0; deployments.len()];
        for (place, at) in order.into_iter().enumerate() {
            rank[at] = place;
        }
        pairs.retain(|(_, id)| (id.0 as usize) < deployments.len());
        pairs.sort_unstable_by_key(|(file, id)| (*file, rank[id.0 as usize]));
        pairs.dedup();
        let of_files = pairs.chunk_by(|(a, _), (b, _)| a == b);
        let by_file = of_files.map(|of_file| (of_file[0].0, of_file.iter().map(|(_, id)| *id).collect()));
        Users {
            by_file: by_file.collect(),
        }
    }

    /// Those that use a file.
    pub fn of(&self, file: FileId) -> &[DeploymentId] {
        self.by_file.get(&file).map_or(&[][..], Vec::as_slice)
    }

    /// Those that use a file in an environment; `None` are those that name none.
    pub fn within(
        &self,
        file: FileId,
        environment: Option<&str>,
        deployments: &[Deployment],
    ) -> &[DeploymentId] {
        let all = self.of(file);
        let name = |id: &DeploymentId| {
            let deployment = deployments.get(id.0 as usize);
            deployment.and_then(|deployment| deployment.environment.as_deref())
        };
        let from = all.partition_point(|id| name(id) < environment);
        let to = all.partition_point(|id| name(id) <= environment);
        &all[from..to]
    }

    /// Files and what uses them, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &[DeploymentId])> {
        self.by_file.iter().map(|(file, of)| (*file, of.as_slice()))
    }
}
