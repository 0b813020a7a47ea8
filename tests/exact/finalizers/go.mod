module seep.test/finalizers

go 1.18
