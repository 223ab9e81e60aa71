//! Function words: they hold sentences together and say nothing about their subject.
//!
//! One list a language, and each also tells its language: a text is taken to be in the one whose function words it has
//! most of.

use rust_stemmers::Algorithm;

/// A language that is known by its function words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) algorithm: Algorithm,
    /// Separated by white space, in lower case.
    pub(super) stop: &'static str,
    /// Words of questions that are weak evidence for what is asked.
    pub(super) weak: &'static str,
}

/// The languages; the first one is taken where nothing speaks for another.
pub(super) const LANGUAGES: &[Known] = &[
    Known {
        algorithm: Algorithm::English,
        stop: ENGLISH,
        weak: ENGLISH_WEAK,
    },
    Known {
        algorithm: Algorithm::German,
        stop: GERMAN,
        weak: GERMAN_WEAK,
    },
    Known {
        algorithm: Algorithm::French,
        stop: FRENCH,
        weak: FRENCH_WEAK,
    },
    Known {
        algorithm: Algorithm::Spanish,
        stop: SPANISH,
        weak: SPANISH_WEAK,
    },
    Known {
        algorithm: Algorithm::Italian,
        stop: ITALIAN,
        weak: ITALIAN_WEAK,
    },
    Known {
        algorithm: Algorithm::Portuguese,
        stop: PORTUGUESE,
        weak: PORTUGUESE_WEAK,
    },
    Known {
        algorithm: Algorithm::Dutch,
        stop: DUTCH,
        weak: DUTCH_WEAK,
    },
    Known {
        algorithm: Algorithm::Russian,
        stop: RUSSIAN,
        weak: RUSSIAN_WEAK,
    },
];

const ENGLISH: &str = "a about above after again against all almost alone along already also although always am among an \
    and another any anything are around as at away back be because been before being below between both \
    but by came can cannot come could did do does doesn doing don done down during each either else \
    enough etc even ever every everything few first for from further gave give given go goes going gone \
    got had has have having he hence her here hers him his how however i if in indeed into is isn it its \
    itself just keep last least less let like ll made many may me might more moreover most much must my \
    near neither never next no nor not nothing now of off often on once one only onto or other others \
    our ours out over own per perhaps quite rather re really said same say says see seem seems seen \
    several shall she should shouldn since so some something sometimes still such than that the their \
    theirs them then there therefore these they thing things this those though through thus to together \
    too toward towards under unless until up upon us ve very via was wasn way we well were what whatever \
    when whenever where whereas wherever whether which while who whoever whole whom whose why will with \
    within without won would wouldn yet you your yours";

const ENGLISH_WEAK: &str = "use used uses using usage work works working make makes making get gets need needs want wants \
    different difference mean means meaning happen happens good better best main important purpose \
    explain describe tell list summarize summarise summary document documents documentation text book \
    guide read know understand chapter file files folder question answer find kind kinds example \
    examples provide provides help helps say support supports allow allows take takes become becomes \
    exist exists do possible two three main new old handle handles become give gives various part parts";

const GERMAN: &str = "aber alle als also am an auch auf aus bei bin bis bist da dann das dass dein dem den denn der des \
    die dies diese dieser dieses doch dort du durch ein eine einem einen einer eines er es etwas euch \
    für gegen hat hatte haben hier ich ihm ihn ihr ihre ihren im immer in ist ja jede jeder jedes jetzt \
    kann kein keine können man mehr mein mit muss nach nicht nichts noch nun nur ob oder ohne sehr sein \
    seine seinen sich sie sind so soll sondern über um und uns unser unter vom von vor war waren was \
    weil welche welcher welches wenn wer werden wie wieder wir wird wo wurde wurden zu zum zur zwischen";

const GERMAN_WEAK: &str = "benutzt benutzen nutzen verwenden funktioniert funktionieren machen macht geben gibt brauchen \
    bedeutet bedeuten wichtig wichtige wichtigste erklären beschreiben zusammenfassen zusammenfassung \
    dokument dokumente dokumentation text buch datei dateien frage antwort finden beispiel beispiele art \
    arten möglich neu alt verschiedene teil teile";

const FRENCH: &str = "ai alors au aucun aussi autre aux avec avoir car ce cela ces cet cette ceux chaque comme comment \
    dans de depuis des donc du elle elles en encore entre est et eu fait font ici il ils je la le les \
    leur leurs lui mais me même mes moi mon ne ni non nos notre nous on ont ou où par parce pas peu peut \
    plus pour pourquoi qu quand que quel quelle quelles quels qui sa sans se sera ses si son sont sous \
    sur ta te tes toi ton tous tout toute très tu un une vers vos votre vous y à été être";

const FRENCH_WEAK: &str = "utiliser utilise fonctionne fonctionner faire donner besoin signifie important importante principal \
    expliquer décrire résumer résumé document documents texte livre fichier fichiers question réponse \
    trouver exemple exemples sorte possible nouveau ancien différents partie parties";

const SPANISH: &str = "al algo ante antes así aún cada como con contra cual cuando cómo de del desde donde durante dónde el \
    ella ellas ellos en entre era es esa ese eso esta estaba estas este esto estos está están fue ha han \
    hasta hay la las le les lo los más me mi muy nada ni no nos nosotros o os otra otro otros para pero \
    poco por porque puede que quién qué se sea ser si sin sobre son su sus sí también tan te tiene todo \
    todos tu un una unas uno unos y ya yo";

const SPANISH_WEAK: &str = "usar usa usan funciona funcionan hacer hace dar da necesita significa importante principal explicar \
    describir resumir resumen documento documentos texto libro archivo archivos pregunta respuesta \
    encontrar ejemplo ejemplos tipo tipos posible nuevo viejo diferentes parte partes";

const ITALIAN: &str = "ad agli ai al alla alle anche che chi ci come con cosa così cui da dagli dai dal dalla dalle degli \
    dei del della delle dello di dove e ed era essere fra gli ha hanno i il in io la le lei lo loro lui \
    ma mi mio molto ne nei nel nella nelle no noi non nostro o ogni per perché perciò più poi può qual \
    quale quali quando quanto quella quelle quelli quello questa queste questi questo qui se sei si sia \
    sono sta su sua sugli sui sul sulla sulle suo tra tu tutti tutto un una uno vi voi è";

const ITALIAN_WEAK: &str = "usare usa funziona fare fa dare significa importante principale spiegare descrivere riassumere \
    riassunto documento documenti testo libro file domanda risposta trovare esempio esempi tipo tipi \
    possibile nuovo vecchio diversi parte parti";

const PORTUGUESE: &str = "a ao aos as até com como da das de dela dele deles depois do dos e ela elas ele eles em entre era \
    essa esse esta este está estão eu foi foram há isso isto já lhe mais mas me mesmo meu minha muito na \
    nas nem no nos não nós o onde os ou para pela pelas pelo pelos por porque qual quando que quem se \
    sem ser seu seus sobre sua suas são só também te tem têm tinha um uma umas uns você vocês à é";

const PORTUGUESE_WEAK: &str = "usar usa funciona fazer faz dar significa importante principal explicar descrever resumir resumo \
    documento documentos texto livro arquivo ficheiro pergunta resposta encontrar exemplo exemplos tipo \
    tipos possível novo velho diferentes parte partes";

const DUTCH: &str = "aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens \
    en er ge geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je \
    kan kon kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder ons \
    ook op over reeds te tegen toch toen tot u uit uw van veel voor waar waarom want waren was wat welke \
    werd wezen wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder zou";

const DUTCH_WEAK: &str = "gebruiken gebruikt werkt werken maken maakt geven geeft nodig betekent belangrijk belangrijkste \
    uitleggen beschrijven samenvatten samenvatting document documenten tekst boek bestand bestanden \
    vraag antwoord vinden voorbeeld voorbeelden soort soorten mogelijk nieuw oud verschillende deel \
    delen";

const RUSSIAN: &str = "без более бы был была были было в вас во вот все вы где да даже для до его ее если есть еще же за и \
    из или им их к как ко когда которая которое которые который кто ли мне мы на нас не него нее нет ни \
    но о об он она они от по под при с со так то только тот ты у уже чем что чтобы эта эти это этот я";

const RUSSIAN_WEAK: &str = "использует работает делает означает важно объясни опиши документ документы текст книга файл вопрос \
    ответ пример примеры часть";

/// Question words and particles of Chinese and Japanese, which part what is asked about; longer ones first.
pub(super) const UNSPACED: &[&str] = &[
    "\u{4e3a}\u{4ec0}\u{4e48}",
    "\u{70ba}\u{4ec0}\u{9ebc}",
    "\u{600e}\u{4e48}\u{6837}",
    "\u{54ea}\u{4e9b}",
    "\u{54ea}\u{91cc}",
    "\u{4ec0}\u{4e48}",
    "\u{4ec0}\u{9ebc}",
    "\u{600e}\u{4e48}",
    "\u{600e}\u{9ebc}",
    "\u{600e}\u{6837}",
    "\u{5982}\u{4f55}",
    "\u{4e3a}\u{4f55}",
    "\u{70ba}\u{4f55}",
    "\u{662f}\u{5426}",
    "\u{4ee5}\u{53ca}",
    "\u{6216}\u{8005}",
    "\u{56e0}\u{4e3a}",
    "\u{6240}\u{4ee5}",
    "\u{4ed6}\u{4eec}",
    "\u{5b83}\u{4eec}",
    "\u{6211}\u{4eec}",
    "\u{8fd9}\u{4e9b}",
    "\u{90a3}\u{4e9b}",
    "\u{7684}",
    "\u{4e86}",
    "\u{662f}",
    "\u{5728}",
    "\u{548c}",
    "\u{4e0e}",
    "\u{8207}",
    "\u{53ca}",
    "\u{6216}",
    "\u{4e5f}",
    "\u{90fd}",
    "\u{5c31}",
    "\u{88ab}",
    "\u{628a}",
    "\u{5417}",
    "\u{5462}",
    "\u{5427}",
    "\u{8fd9}",
    "\u{90a3}",
    "\u{8c01}",
    "\u{4f55}",
    "\u{8ab0}",
];
