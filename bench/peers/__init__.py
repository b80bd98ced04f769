"""What others do, run beside ours on the same machine in the same minute."""
