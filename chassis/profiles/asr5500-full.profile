# A full ASR 5500: eight processing cards, both MIOs, all fabric cards.
name asr5500-full
model "ASR 5500"
slots 20
slot 1 DPC2
slot 2 DPC2
slot 3 DPC2
slot 4 DPC2
slot 5 MIO
slot 6 MIO
slot 7 DPC2
slot 8 DPC2
slot 9 DPC2
slot 10 DPC2
slot 11 SSC
slot 12 SSC
slot 13 FSC
slot 14 FSC
slot 15 FSC
slot 16 FSC
slot 17 FSC
slot 18 FSC
ipsecmgr-per-card 3
sessmgr-per-cpu 3
standby-sessmgr-per-cpu 1
standby-ipsecmgr 3
task-heartbeat 1000 4000
card-heartbeat 500 4000
card-reboot 3000
