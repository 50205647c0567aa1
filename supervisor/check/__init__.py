"""What a schema cannot see: findings, the policies' own examples, and what remains energised when we are dead."""
