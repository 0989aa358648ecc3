"""Words that tell a person's name from what merely looks like one. Lower case throughout; each list says what it is for."""

from __future__ import annotations

# Before a surname, whatever its case: "Cllr Smith", "mrs khan" (the title stays, the name goes).
STRONG_TITLES = frozenset({"mr", "mrs", "ms", "cllr", "councillor", "dr", "prof", "professor"})
# Before a capitalised name only: in lower case these are everyday words ("miss him", "sister act").
WEAK_TITLES = frozenset(
    "miss sir lady lord dame rev reverend father fr sister brother imam maulana mufti hafiz rabbi granthi bishop canon "
    "pc wpc pcso sgt sergeant inspector constable supt superintendent detective officer judge mp nurse matron headteacher "
    "auntie aunty aunt uncle chacha cousin nan nana nanna gran granny grandma grandad grandpa "
    "herr fru fröken pan pani señor señora sr sra don doña monsieur madame".split()
)
# What people are, not what they are called: never masked on their own.
ROLES = frozenset(
    "councillor councillors cllr cllrs mp mps minister mayor leader chair chairman officer officers police pc pcso sergeant "
    "sgt inspector constable judge magistrate doctor doctors dr gp gps nurse nurses midwife surgeon consultant matron "
    "paramedic paramedics physio chemist pharmacist dentist receptionist teacher teachers headteacher head warden caretaker "
    "janitor driver drivers plumber electrician builder joiner mechanic contractor contractors landlord tenant tenants "
    "manager boss director chief editor reporter journalist reader readers author imam vicar priest reverend rev bishop "
    "rabbi pastor granthi maulana mufti king queen prince princess president chancellor secretary professor prof student "
    "students pupil pupils parent parents resident residents neighbour neighbours voter voters patient patients customer "
    "customers volunteer volunteers newcomer newcomers migrant migrants refugee refugees shopkeeper postie postman "
    "milkman binman binmen lollipop coach ref referee keeper barber butcher baker cleaner carer carers mr mrs ms sir madam "
    "miss lord lady dame".split()
)
# Family, neighbours and forms of address.
KIN = frozenset(
    "mum mums mam mom mother dad dads father nan nana nanna gran granny grandma grandad grandpa grandson granddaughter "
    "grandmother grandfather son sons daughter daughters brother brothers sister sisters uncle aunt auntie aunty cousin "
    "wife husband hubby missus partner baby babies kid kids child children toddler twin twins lad lads lass lasses bloke "
    "blokes fella fellas chap chaps girl girls boy boys man men woman women folk folks mate mates pal pals love darling duck "
    "ammi ammu abbu abba baba bibi bhai baji apa khala chacha chachi dada dadi nani beta padosan sahib god allah jesus lord "
    "sikh sikhs muslim muslims hindu hindus christian christians jew jews jewish pakistani bangladeshi indian polish pole "
    "poles romanian slovak roma english british yorkshire".split()
)
# Capitalised by position or custom in posts, and often taken for a person by a model trained on news.
EVERYDAY = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed weds thu thur thurs fri sat sun january "
    "february march april may june july august september october november december jan feb mar apr jun jul aug sept oct nov "
    "dec xmas christmas easter eid ramadan diwali vaisakhi ramadan mubarak hanukkah lent bonfire halloween "
    "bin bins van vans bus buses wagon lorry car cars bike bikes quad quads kettle boiler doorbell curry kebab chapati "
    "samosa samosas rhubarb leek leeks pie chippy coffee tea sugar canteen kitchen quiz seminar rumour rumours update updates "
    "tongs litter pothole potholes crossing hoodie wifi app gym library libraries clinic surgery vaccine jab jabs ward ward's "
    "council councils westminster parliament government nhs bbc gps facebook twitter bluesky mastodon telegram whatsapp "
    "youtube tiktok zoom snow rain sun fog frost crikey zilch blimey wow hiya ta cheers soz pls plz lol omg tbh ngl imo fyi "
    "psa nowt owt summat reyt gerrof eeh aye nah yeah yep nope ok okay wanna gonna gotta cuz cos tomoz "
    "bank banks school schools church mosque temple gurdwara mill mills shop shops market markets station stations estate "
    "street streets road roads lane lanes avenue park parks wood woods hill hills green moor beck canal river bridge "
    "hospital pub cafe club hall centre cemetery nursery academy college university uni court tower village town city ed "
    "methodist catholic anglican baptist spaniel labrador terrier whippet fiesta corsa transit"
    .split()
)
# Given names and surnames that are also dictionary words: what the model calls a person stays one.
NAMES_THAT_ARE_WORDS = frozenset(
    "amber baker bell bill bird bishop bob bond bonnie brown carol caroline christian cook cooper coral cross dawn day dean don field "
    "flint flower ford forest fox frank frost ginger gold grace grant gray green grey guy hardy harry hazel heath hill hood "
    "hope horn hunt ivy jack jade jimmy joy julian king knight lamb lance lane lee little long lord love low major marian mark "
    "matt nick norman olive page park pat pauline pearl pike pollard poppy potter power price ray rice rich rick rob robin "
    "rod roman rose ruby rush sandy sharp shepherd short silver sky small snow steel stone strong sue summer swan swift "
    "tucker violet wade ward west white will winter wise wolf wood woods worth young".split()
)
# Frequent given names of people in British cities, whatever their roots, that are no word, place or brand of their own.
# The model was trained on American news and misses many of them; the list needs no model and holds in every language.
GIVEN_NAMES = frozenset(
    "aaron adam adrian alan albert alex alexander alfie alistair andrea andrew andy angela anita ann anna anne annie anthony "
    "archie arthur ashley barbara barry becky ben benjamin bernard beth betty beverley billy brenda brian bridget bryan callum "
    "cameron carl carol caroline carole catherine cathy charles charlie chloe chris christine christopher claire clare colin "
    "connor craig cynthia damian daniel danielle danny darren dave david deborah debbie denise dennis derek diane diana donna "
    "doreen doris dorothy doug douglas duncan dylan eddie edith edward eileen elaine eleanor elizabeth ellen ellie elsie emily "
    "emma eric erica ernest ethan ethel eva evelyn fiona frances francis freddie gareth gary gavin geoff geoffrey gemma george "
    "gerald gillian glenda gordon graeme graham greg gwen hannah harriet harold heather helen henry hilary howard hugh ian irene "
    "isaac isabel isabella jackie jacob jacqueline jake james jamie jane janet janice jason jayden jeff jeffrey jennifer jenny "
    "jeremy jessica jill jim joan joanna joanne joe joel john johnny jonathan joseph josh joshua joyce judith judy julia julie "
    "justin karen karl kate katherine kathleen kathryn katie keith kelly ken kenneth kerry kev kevin kieran kim kirsty kyle laura "
    "lauren laurence leah leanne len leonard lesley leslie liam linda lisa liz lorraine louis louise lucy luke lydia lynda lynn "
    "lynne maggie malcolm mandy marcus margaret maria marie marilyn marjorie marlene martha martin martyn mary matthew maureen "
    "maurice megan mel melanie melissa michael michelle mick mike mildred miriam mohamed mohammad mohammed molly monica "
    "muriel nancy naomi natalie natasha nathan neil nicholas nicola nicole nigel nina noah noel nora norma oliver olivia oscar "
    "owen pam pamela patricia patrick paul paula pauline percy peter phil philip phillip phoebe phyllis rachael rachel ralph "
    "rebecca reg rhys richard rita robert roger ronald ronnie rosie ross roy russell ruth ryan sally sam samantha "
    "samuel sandra sara sarah sean sebastian shane shannon sharon sheila shirley sian simon sophia sophie stacey stanley stella "
    "stephanie stephen steve steven stewart stuart susan suzanne sylvia tanya teresa terence terry theresa theo thomas tim timothy "
    "tina toby tom tommy tony tracey tracy trevor ursula valerie vanessa vera vernon veronica vicky victor vincent wendy "
    "wilfred william winifred yvonne zachary zoe "
    "aamir aaliyah abdul abdullah abid adeel adil adnan afzal ahmad ahmed aisha akbar akram ali aliya amanda amina amir amjad "
    "amna aneesa anwar arif arshad arslan asad ashraf asif asim asma atif ayaan ayesha aysha azhar aziz babar basharat bilal "
    "bushra danish ehsan faisal farah farhan farooq farzana fatima faizan fozia ghulam habib hafsa haider hamid hamza haris "
    "haroon hasan hassan humaira hussain hussein ibrahim idris iftikhar ijaz imran imtiaz inayat iqbal irfan ishaq ismail jabbar "
    "jameel jamil javed javid junaid kamran kashif khadija khalid khurram khurshid kiran liaqat maariya mahmood majid maryam "
    "masood mehmood mubashir muhammad mumtaz munir musa mushtaq mustafa nabeel nadeem nadia naeem naheed naseem nasim nasir "
    "nasreen naveed nazia nazir nosheen omar parveen parvez qasim rabia rafiq rashid razia rehana rehman riaz rizwan "
    "rukhsana saad sabah sabina sadia safina sahil saima sajad sajid saleem salim salma sameena samina saqib sarfraz shabana "
    "shabir shafiq shahbaz shahid shahida shakeel shaista shamim shazia sheraz shoaib sohail sultana sumaira tahir tahira talha "
    "tanveer tariq tayyab uzma umar usman waheed wahid waqar waqas waseem wasim yasin yasir yasmin yousaf yousuf yusuf younis "
    "zafar zahid zahida zahra zain zainab zaheer zakir zara zeeshan zubair "
    "ajay amandeep amarjit amit amrit anil anjali anjum arjun arun ashok avtar baldev balbir baljit balwinder bhavesh deepak "
    "deepa dipesh gurdeep gurdip gurinder gurjit gurmeet gurpreet gurvinder harbans hardeep harjit harminder harpreet harvinder "
    "inderjit jagdish jaspal jaspreet jaswinder jatinder jitendra kamaljit karamjit kuldeep kulwinder lakhbir mandeep manjit "
    "manpreet meena mohan mohinder mukesh narinder nisha nitin parminder paramjit pooja prakash pravin preeti priya rajesh "
    "rajinder rakesh ramesh ranjit ravi ravinder rupinder sandeep sanjay satnam satpal satwinder simran sukhdeep sukhjit "
    "sukhwinder sunil sunita suresh surinder tajinder vijay vikram vinod "
    "abimbola chinedu emeka folake kofi kwame ngozi oluwaseun tunde yewande "
    "adrián agata agnieszka aleksandra andrei andrzej aneta bartosz beata bogdan bozena catalin cristian damian danuta dariusz dawid "
    "dominika dorota ewa gheorghe gosia grazyna grzegorz halina ioana ionut irena iwona jakub janusz jerzy joanna justyna kamil "
    "karol karolina kasia katarzyna krystyna krzysztof lech lukasz łukasz maciej magda magdalena marcin marek mariusz marta "
    "mateusz michal michał mihai monika natalia nicoleta oksana olena paweł pawel piotr przemek radek radoslaw rafal rafał "
    "renata robertas ryszard sebastian slawomir stanislaw stefan sylwia szymon tadeusz tomasz urszula vasile violeta waldemar "
    "wiesław wojciech wojtek zbigniew zofia "
    "anders annika astrid birgitta björn elin erik eva fredrik göran gunilla gustav håkan henrik ingrid johan johanna karin "
    "kerstin kristina lars lennart linnea magnus malin maria mats mikael niklas olof oskar pernilla sven svetlana thorsten ulla "
    "ulrika".split()
)
# The last word of a street or building: "Norman Lane" is not a person.
THOROUGHFARES = frozenset(
    "road rd street st lane ln avenue ave drive terrace crescent brow way close court row view walk grove mount square "
    "gardens viaduct estate school primary academy surgery library cemetery castle church mosque mill mills hospital "
    "college university station market centre arms inn park woods gate fold hall house reservoir beck top end bridge rec "
    "gatan vägen torget parken".split()
)
# Of those, the ones that are surnames too: a street only after a word that says where ("on Scott Lane").
SURNAME_THOROUGHFARES = frozenset({"lane", "close", "court", "castle", "church", "mills", "park", "hall", "house"})
WHERE = frozenset(
    "in on at up down off along near round around through opposite behind outside from past of across by over under "
    "beside above below between towards to the".split()
)
# Their written language gives every noun a capital, so two capitals together are no sign of a name.
LANGUAGES_WITH_CAPITAL_NOUNS = frozenset({"de", "lb"})
