"""What `bench.provider` measures in processes of their own, and the cluster that they are given."""
