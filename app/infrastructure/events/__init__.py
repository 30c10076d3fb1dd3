"""Where bucket events come from: SNS topics and SQS queues."""
