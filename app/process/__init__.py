"""The processes of the service, one or a supervisor and its workers, and what they may use."""
