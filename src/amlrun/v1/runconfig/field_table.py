# ruff: noqa: E501
"""Every key of a v1 run configuration; `v1/table.py` explains the columns."""

from amlrun.v1.table import Table

RUNCONFIG = Table(
    "a run configuration",
    """
script | word | | mapped | command | The script to run, below the source directory.
arguments | words | [] | mapped | command | The script's arguments.
target | word | local | mapped | compute | Where to run: local, a compute's name, or amlcompute.
framework | word{Python,PySpark,CNTK,TensorFlow,PyTorch,TensorFlowParameterServer,PythonMpi,PythonIntelMpi,PySparkInteractive,R} | Python | mapped | distribution | What runs the script.
communicator | word{None,ParameterServer,OpenMpi,IntelMpi,Mpi,Gloo,Nccl,ParallelTask} | None | mapped | distribution | How nodes communicate.
maxRunDurationSeconds | int | | mapped | limits.timeout | Seconds after which the run is stopped.
nodeCount | int | 1 | mapped | resources.instance_count | How many machines.
priority | int | | mapped | queue_settings.priority | The run's place in the queue; higher goes first.
environment | section | | mapped | environment | What the script finds installed.
  name | word | | mapped | environment | The environment's name in the workspace.
  version | word | | mapped | environment | The environment's version; default: the newest.
  environmentVariables | map | {} | mapped | environment_variables | Environment variables of the script.
  python | section | | mapped | environment | The Python that runs the script.
    userManagedDependencies | bool | false | mapped | environment | true: packages are preinstalled, none are installed.
    interpreterPath | word | python | local | local interpreter | The Python to call if userManagedDependencies is true.
    condaDependenciesFile | word | | mapped | environment.conda_file | The conda file, relative to --path.
    baseCondaEnvironment | word | | unsupported | put the packages into the conda file | An environment to add to.
    condaDependencies | conda | | mapped | environment.conda_file | The conda specification itself.
  docker | section | | mapped | environment | The container.
    enabled | bool | false | ignored | v2 always uses a container; the local target never does | Run in a container.
    baseImage | word | | mapped | environment.image | The image to start from.
    baseDockerfile | word | | mapped | environment.build | The text of a Dockerfile.
    buildContext | section | | mapped | environment.build | A folder with a Dockerfile.
      locationType | word{git,storageAccount} | | ignored | the location says it | Where the folder is kept.
      location | word | | mapped | environment.build.path | The folder's address.
      dockerfilePath | word | | mapped | environment.build.dockerfile_path | The Dockerfile in that folder.
    sharedVolumes | bool | true | ignored | the service shares what it needs | Share the host's volumes.
    gpuSupport | bool | false | ignored | GPU machines give containers their GPU | Old: use nvidia-docker.
    shmSize | word | | mapped | resources.shm_size | The container's shared memory, e.g. 2g.
    arguments | words | [] | mapped | resources.docker_args | Arguments of `docker run`.
    baseImageRegistry | section | | mapped | environment.image | The registry that holds the image.
      address | word | | mapped | environment.image | The registry's host name.
      username | word | | unsupported | make a workspace connection to the registry | Who logs in.
      password | word | | unsupported | make a workspace connection, delete the line | A secret; it is never read.
      registryIdentity | section | | unsupported | make a workspace connection to the registry | A managed identity.
        resourceId | word | | unsupported | make a workspace connection to the registry | The identity's id.
        clientId | word | | unsupported | make a workspace connection to the registry | The identity's client.
    platform | section | | ignored | v2 runs Linux on amd64 | The image's platform.
      os | word{Linux,Windows} | Linux | ignored | v2 runs Linux | The image's system.
      architecture | word | amd64 | ignored | v2 runs amd64 | The image's processor.
  spark | section | | mapped | conf | What Spark downloads.
    repositories | words | [] | mapped | conf | Maven repositories, for PySpark.
    packages | list | [] | mapped | conf | Maven packages, for PySpark.
      [] | section | | mapped | conf | One package.
        group | word | | mapped | conf | Its group id.
        artifact | word | | mapped | conf | Its artifact id.
        version | word | | mapped | conf | Its version.
    precachePackages | bool | true | ignored | packages come when the job starts | Build packages into the image.
  databricks | section | | unsupported | use a Databricks job | Libraries for Databricks.
    mavenLibraries | list | [] | unsupported | use a Databricks job | Maven libraries.
      [] | section | | unsupported | use a Databricks job | One library.
        coordinates | word | | unsupported | use a Databricks job | Its coordinates.
        repo | word | | unsupported | use a Databricks job | Its repository.
        exclusions | words | | unsupported | use a Databricks job | What to leave out of it.
    pypiLibraries | list | [] | unsupported | put them into the conda file | PyPI libraries.
      [] | section | | unsupported | put it into the conda file | One library.
        package | word | | unsupported | put it into the conda file | Its name.
        repo | word | | unsupported | use a Databricks job | Its repository.
    rcranLibraries | list | [] | unsupported | install them in the image | CRAN libraries.
      [] | section | | unsupported | install it in the image | One library.
        package | word | | unsupported | install it in the image | Its name.
        repo | word | | unsupported | install it in the image | Its repository.
    jarLibraries | list | [] | unsupported | use a Databricks job | Jar files.
      [] | section | | unsupported | use a Databricks job | One jar.
        library | word | | unsupported | use a Databricks job | Its address.
    eggLibraries | list | [] | unsupported | put them into the conda file | Egg files.
      [] | section | | unsupported | put it into the conda file | One egg.
        library | word | | unsupported | put it into the conda file | Its address.
    cluster | section | | unsupported | use a Databricks job | The Databricks cluster.
      existingClusterId | word | | unsupported | use a Databricks job | An existing cluster.
      sparkVersion | word | | unsupported | use a Databricks job | Its Spark.
      nodeType | word | | unsupported | use a Databricks job | Its machines.
      instancePoolId | word | | unsupported | use a Databricks job | Its pool.
      numWorkers | int | | unsupported | use a Databricks job | Its workers.
      minWorkers | int | | unsupported | use a Databricks job | Its minimum number of workers.
      maxWorkers | int | | unsupported | use a Databricks job | Its maximum number of workers.
      sparkEnvVariables | map | {} | unsupported | use a Databricks job | Its environment variables.
      sparkConf | map | {} | unsupported | use a Databricks job | Its Spark settings.
      initScripts | any | | unsupported | use a Databricks job | Its start scripts.
      clusterLogDbfsPath | word | | unsupported | use a Databricks job | Where it logs.
      permitClusterRestart | bool | | unsupported | use a Databricks job | Whether it may be restarted.
  r | section | | unsupported | install R and its packages in the image | R and its packages.
    rVersion | word | | unsupported | choose an image with that R | The version of R.
    userManaged | bool | | ignored | the image holds R, as true says | true: R and its packages are in the image.
    rscriptPath | word | | mapped | command | The Rscript to call.
    snapshotDate | word | | unsupported | install the packages in the image | The CRAN snapshot's date.
    cranPackages | list | | unsupported | install them in the image | CRAN packages.
      [] | section | | unsupported | install it in the image | One package.
        name | word | | unsupported | install it in the image | Its name.
        version | word | | unsupported | install it in the image | Its version.
        repository | word | | unsupported | install it in the image | Its repository.
    githubPackages | list | | unsupported | install them in the image | GitHub packages.
      [] | section | | unsupported | install it in the image | One package.
        repository | word | | unsupported | install it in the image | Its repository.
        authToken | word | | unsupported | delete the line: a secret does not belong here | A secret; it is never read.
    customUrlPackages | words | | unsupported | install them in the image | Packages by address.
    bioconductorPackages | words | | unsupported | install them in the image | Bioconductor packages.
  inferencingStackVersion | word{latest} | | ignored | it matters to endpoints, not to training | The scoring server's version.
  assetId | word | | mapped | environment | The environment's full id.
history | section | | ignored | always on | What the run's record keeps.
  outputCollection | bool | true | ignored | outputs/ and logs/ are always collected | Collect outputs and logs.
  snapshotProject | bool | true | ignored | the source directory is always copied | Keep a copy of the source.
  directoriesToWatch | words | ["logs"] | ignored | outputs/, logs/ and user_logs/ are always collected | Folders sent live.
  ambientAuthentication | section | | unsupported | use identity in the v2 job | How the run logs in.
    method | word{aadtoken,runtoken,serviceprincipal} | | unsupported | use identity in the v2 job | The kind of login.
    appId | word | | unsupported | use identity in the v2 job | The service principal.
    secret | word | | unsupported | delete the line: a secret does not belong here | A secret; it is never read.
    tenant | word | | unsupported | use identity in the v2 job | The tenant.
    deleteSecretAfterRun | bool | | unsupported | use identity in the v2 job | Whether the secret is deleted.
spark | section | | mapped | conf | Spark's settings.
  configuration | map | {"spark.app.name": "Azure ML Experiment", "spark.yarn.maxAppAttempts": 1} | mapped | conf | Spark's settings, for PySpark.
docker | section | | mapped | resources | The container, as written since 2021; takes precedence over environment.docker.
  useDocker | bool | false | ignored | v2 always uses a container; the local target never does | Run in a container.
  sharedVolumes | bool | true | ignored | the service shares what it needs | Share the host's volumes.
  arguments | words | [] | mapped | resources.docker_args | Arguments of `docker run`.
  shmSize | word | 2g | mapped | resources.shm_size | The container's shared memory, e.g. 2g.
hdi | section | | unsupported | use a Spark job | HDInsight, which Azure ML no longer has.
  yarnDeployMode | word{cluster,client} | cluster | unsupported | use a Spark job | Where the Spark driver runs.
tensorflow | section | | mapped | distribution | TensorFlow over several nodes.
  workerCount | int | 1 | mapped | distribution.worker_count | How many workers.
  parameterServerCount | int | 1 | mapped | distribution.parameter_server_count | How many parameter servers.
mpi | section | | mapped | distribution | MPI over several nodes.
  processCountPerNode | int | 1 | mapped | distribution.process_count_per_instance | Processes on a node.
  nodeCount | int | 1 | ignored | the top-level nodeCount counts | Nodes; v1 never read it from a file.
pytorch | section | | mapped | distribution | PyTorch over several nodes.
  communicationBackend | word{nccl,gloo} | nccl | ignored | the script chooses its backend in v2 | PyTorch's backend.
  processCount | int | | mapped | distribution.process_count_per_instance | All processes together; v2 counts them per node.
  nodeCount | int | 1 | ignored | the top-level nodeCount counts | Nodes; v1 never read it from a file.
paralleltask | section | | unsupported | write a v2 parallel job | Many small tasks on several nodes.
  maxRetriesPerWorker | int | 0 | unsupported | write a v2 parallel job | Retries of a worker.
  workerCountPerNode | int | 1 | unsupported | write a v2 parallel job | Workers on a node.
  terminalExitCodes | any | | unsupported | write a v2 parallel job | Exit codes that end the run.
dataReferences | sections | {} | mapped | inputs | Folders of datastores, by name.
  * | section | | mapped | inputs | One folder.
    dataStoreName | word | | mapped | inputs.*.path | The datastore.
    pathOnDataStore | word | | mapped | inputs.*.path | The folder in the datastore.
    mode | word{mount,download,upload} | mount | mapped | inputs.*.mode | How it reaches the script.
    overwrite | bool | false | ignored | v2 overwrites | Overwrite existing files.
    pathOnCompute | word | | mapped | command | Where the script finds it.
data | sections | {} | mapped | inputs | Datasets, by name.
  * | section | | mapped | inputs | One dataset.
    dataLocation | section | | mapped | inputs.*.path | Where it is.
      dataset | section | | mapped | inputs.*.path | A registered dataset.
        id | word | | mapped | inputs.*.path | Its id in v1.
        name | word | | mapped | inputs.*.path | Its name.
        version | word | | mapped | inputs.*.path | Its version; default: the newest.
      dataPath | section | | mapped | inputs.*.path | A folder of a datastore.
        datastoreName | word | | mapped | inputs.*.path | The datastore.
        relativePath | word | | mapped | inputs.*.path | The folder in the datastore.
      uri | section | | mapped | inputs.*.path | An address.
        path | word | | mapped | inputs.*.path | The address.
        isFile | bool | false | mapped | inputs.*.type | true: a file, not a folder.
    createOutputDirectories | bool | | ignored | v2 makes the folders it needs | Make a new folder.
    mechanism | word{direct,mount,download,upload} | direct | mapped | inputs.*.mode | How it reaches the script.
    environmentVariableName | word | | mapped | environment_variables | A variable that holds its path.
    pathOnCompute | word | | mapped | command | Where the script finds it.
    overwrite | bool | false | ignored | v2 overwrites | Overwrite existing files.
    options | map | | unsupported | v2 mounts with its own settings | Settings of the mount.
datacaches | list | [] | unsupported | use a mount: v2 caches by itself | Data caches.
  [] | section | | unsupported | use a mount: v2 caches by itself | One cache.
    datacacheId | word | | unsupported | use a mount: v2 caches by itself | Its id.
    datacacheStore | word | | unsupported | use a mount: v2 caches by itself | Its store.
    datasetId | word | | unsupported | use a mount: v2 caches by itself | Its dataset.
    mode | word | | unsupported | use a mount: v2 caches by itself | How it reaches the script.
    replica | int | | unsupported | use a mount: v2 caches by itself | How many copies.
    failureFallback | bool | | unsupported | use a mount: v2 caches by itself | Use the data itself when the cache fails.
    pathOnCompute | word | | unsupported | use a mount: v2 caches by itself | Where the script finds it.
outputData | sections | {} | mapped | outputs | Results, by name.
  * | section | | mapped | outputs | One result.
    outputLocation | section | | mapped | outputs.*.path | Where it goes.
      dataset | section | | mapped | outputs.*.name | A dataset to register it as.
        id | word | | unsupported | name the dataset instead | Its id in v1.
        name | word | | mapped | outputs.*.name | Its name.
        version | word | | mapped | outputs.*.version | Its version.
      dataPath | section | | mapped | outputs.*.path | A folder of a datastore.
        datastoreName | word | | mapped | outputs.*.path | The datastore.
        relativePath | word | | mapped | outputs.*.path | The folder in the datastore.
      uri | section | | mapped | outputs.*.path | An address.
        path | word | | mapped | outputs.*.path | The address.
        isFile | bool | false | mapped | outputs.*.type | true: a file, not a folder.
    mechanism | word{mount,upload} | mount | mapped | outputs.*.mode | How it leaves the script.
    additionalOptions | any | | mapped | outputs.* | Its path on the compute, its registration.
sourceDirectoryDataStore | word | | unsupported | v2 keeps code in the workspace's own store | The source's datastore.
amlcompute | section | | mapped | resources | A cluster made for this run alone, for target amlcompute.
  vmSize | word | | mapped | resources.instance_type | The machines' size.
  vmPriority | word{dedicated,lowpriority} | | mapped | queue_settings.job_tier | Dedicated machines, or cheaper ones that can be preempted.
  retainCluster | bool | false | ignored | serverless compute leaves nothing behind | Keep the cluster.
  name | word | | ignored | serverless compute has no name | The cluster's name.
  location | word | | ignored | the workspace's region | Old: the cluster's region.
  clusterMaxNodeCount | int | | ignored | serverless compute takes the nodes it needs | The cluster's maximum number of nodes.
autoClusterComputeSpecification | any | | unsupported | use serverless compute | A cluster of the service's choice.
kubernetescompute | section | | mapped | resources | An attached Kubernetes cluster.
  instanceType | word | | mapped | resources.instance_type | The instance type on that cluster.
credentialPassthrough | bool | false | mapped | identity | Access data as the user who submits.
command | any | "" | mapped | command | A command, in place of script and arguments.
environmentVariables | map | {} | mapped | environment_variables | Environment variables of the script.
applicationEndpoints | sections | {} | mapped | services | Services to reach in the running job, by name.
  * | section | | mapped | services | One service.
    type | word{Jupyter,JupyterLab,SSH,TensorBoard,VSCode,Grafana,Custom} | | mapped | services.*.type | What it is.
    port | int | | mapped | services.*.port | Its port.
    properties | map | {} | mapped | services.* | Its settings: logDir, sshPublicKeys.
autoPrepareEnvironment | bool | true | ignored | environments are always prepared | Old: prepare the environment with the run.
prepareEnvironment | bool | true | ignored | environments are always prepared | Old: prepare the environment with the run.
batchai | section | | mapped | resources | Old: Batch AI, which amlcompute replaced.
  nodeCount | int | 1 | mapped | resources.instance_count | Old: how many machines.
containerInstance | section | | ignored | only target containerinstance used it | Old: Azure Container Instances.
  cpuCores | any | | ignored | only target containerinstance used it | Old: cores.
  memoryGb | any | | ignored | only target containerinstance used it | Old: memory.
  region | word | | ignored | only target containerinstance used it | Old: region.
""",
    # What SDK v1's ScriptRunConfig, Estimator and Environment, and v2's job file, call them: v1 ignored these.
    synonyms={
        "computeTarget": "target",
        "computeTargetName": "target",
        "compute": "target",
        "entryScript": "script",
        "scriptName": "script",
        "args": "arguments",
        "scriptArguments": "arguments",
        "instanceCount": "nodeCount",
        "distributedBackend": "communicator",
        "maxRunDuration": "maxRunDurationSeconds",
        "dockerRuntimeConfig": "docker",
        "dockerConfiguration": "docker",
        "useDocker": "docker.useDocker",
        "shmSize": "docker.shmSize",
        "customDockerImage": "environment.docker.baseImage",
        "condaFile": "environment.python.condaDependenciesFile",
        "condaDependenciesFile": "environment.python.condaDependenciesFile",
        "condaDependencies": "environment.python.condaDependencies",
        "userManaged": "environment.python.userManagedDependencies",
        "userManagedDependencies": "environment.python.userManagedDependencies",
        "interpreterPath": "environment.python.interpreterPath",
        "environmentName": "environment.name",
        "environmentVersion": "environment.version",
        "processCountPerNode": "mpi.processCountPerNode",
        "workerCount": "tensorflow.workerCount",
        "parameterServerCount": "tensorflow.parameterServerCount",
        "vmSize": "amlcompute.vmSize",
        "vmPriority": "amlcompute.vmPriority",
        "environment.condaFile": "environment.python.condaDependenciesFile",
        "environment.condaDependenciesFile": "environment.python.condaDependenciesFile",
        "environment.condaDependencies": "environment.python.condaDependencies",
        "environment.userManagedDependencies": "environment.python.userManagedDependencies",
        "environment.image": "environment.docker.baseImage",
        "environment.baseImage": "environment.docker.baseImage",
        "environment.python.condaFile": "environment.python.condaDependenciesFile",
        "environment.python.condaDependenciesFilePath": "environment.python.condaDependenciesFile",
        "environment.python.userManaged": "environment.python.userManagedDependencies",
        "environment.docker.image": "environment.docker.baseImage",
        "environment.docker.useDocker": "environment.docker.enabled",
        "environment.docker.dockerfile": "environment.docker.baseDockerfile",
        "mpi.processCountPerInstance": "mpi.processCountPerNode",
        "amlcompute.size": "amlcompute.vmSize",
        "amlcompute.instanceType": "amlcompute.vmSize",
    },
)
