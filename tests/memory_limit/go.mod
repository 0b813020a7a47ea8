module seep.test/memory-limit

go 1.18
