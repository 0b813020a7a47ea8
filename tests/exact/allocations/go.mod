module seep.test/allocations

go 1.18
