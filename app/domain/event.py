"""Who is named as the actor of an event."""


def user(subject: str) -> str:
    """The actor for what a token's holder did: `user:<sub>`."""
    return f"user:{subject}"
