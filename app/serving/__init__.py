"""Where the stages meet: loaded models, their queues, and the folder they come from."""
