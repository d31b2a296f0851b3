"""Join events under one key: a deadline, a decision that is made once, effects under one id."""
