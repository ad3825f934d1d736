"""Keys, seals and enrolment. Pure: entropy and time are arguments."""
