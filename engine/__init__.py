"""Vademecum's engine: everything the product does, without a window.

The map of the house, lowest room first; a room imports only from rooms below it:

    errors       the exception tree
    scripts      what a word is, in any script
    records      frozen Document, Passage, Question, Citation, Answer, Run
    settings     what can be set, each field described once
    machine_settings  what an administrator decides for everybody on this machine
    staging      where something is made before it takes its place
    jobs         Job, Monitor and events: progress, cancel and errors
    device       CUDA, cores, memory and precision
    offline      no network: flags for the libraries, a filter in the kernel
    privacy      memory, environment and logs that others don't read
    addon        the libraries for a graphics card, installed beside the program
    workspace    the folder on disk: database, objects, lock, audit, migration
    models       the model library: bundled models and imported folders
    session      what a job receives: workspace, model library, device
    documents    file → Document → Passages
    questions    QA file → Questions with evidence and a split
    importing    the one way in for files and folders
    watching     a folder that changes
    retrieval    encoder, dense index, lexical index, fusion
    generation   prompt, generator, citations, abstention
    training     retriever, generator, checkpoint
    serving      answering questions from a run, and other programs of this machine
    evaluation   metrics, significance, report
    exporting    a run as one portable, verified package
    worker       the process that runs jobs for the window
    selftest     whether an installation works, part by part
    cli          the parts of the command line
    __main__     vademecum-engine: one sub-command a job

Importing this package imports no torch.
"""

__version__ = "0.1.0"
