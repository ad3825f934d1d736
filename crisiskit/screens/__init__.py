"""What the screens of the team and of the operator share. Reads views, writes by ``Writer``."""
