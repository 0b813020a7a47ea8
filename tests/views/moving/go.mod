module seep.test/moving

go 1.18
